import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { unreadable } from '../config/file-bytes.ts'
import type { SealedPolicy } from './revision-store.ts'

const shape = z.strictObject({ activation: z.string(), number: z.int(), revision: z.string() })

/**
 * Copy of the last active policy on the disk of a process: the envelopes of the activation and of its revision. The
 * process starts from this copy while Redis is unavailable. After Redis lost its data, the process restores the policy
 * from this copy.
 */
export class PolicyCopy {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  get path(): string {
    return this.#path
  }

  /**
   * Reads the policy copy on disk. The envelopes are not verified. Returns `undefined` when the file is absent, and
   * envelopes that are not authentic when the file is damaged.
   *
   * @throws {ConfigError} when the file exists and cannot be read
   */
  read(): SealedPolicy | undefined {
    try {
      return shape.safeParse(JSON.parse(readFileSync(this.#path, 'utf8'))).data ?? damaged
    } catch (error) {
      if (error instanceof SyntaxError) return damaged
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw unreadable(this.#path, error)
    }
  }

  /**
   * Replaces the policy copy on disk atomically. Only the owner can read the file. @throws {Error} when it cannot be
   * written
   */
  write(policy: SealedPolicy): void {
    const folder = dirname(this.#path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    // Write to a unique file name first, because processes that share the folder must not write to the same file. In
    // containers, their pids can be equal.
    const fresh = `${this.#path}.${randomUUID()}`
    try {
      // Flush the folder to disk: without this, a power failure could bring back an older policy that this process has
      // acknowledged as replaced.
      writeFileSync(fresh, JSON.stringify(policy), { mode: 0o600, flag: 'wx', flush: true })
      renameSync(fresh, this.#path)
    } catch (error) {
      rmSync(fresh, { force: true })
      throw error
    }
    flushFolder(folder)
  }

  /** Removes the policy copy on disk. @throws {Error} when the copy cannot be removed */
  remove(): void {
    rmSync(this.#path, { force: true })
    flushFolder(dirname(this.#path))
  }
}

const damaged: SealedPolicy = { activation: '', number: 0, revision: '' }

/** Flushes the file names of a folder to the disk. */
function flushFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
