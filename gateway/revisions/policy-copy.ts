import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { SealedPolicy } from './revision-store.ts'

const shape = z.strictObject({ activation: z.string(), number: z.int(), revision: z.string() })

/**
 * Copy of the last active policy on the disk of a process: the envelopes of the activation and its revision. The process
 * starts from it while Redis is unavailable, and restores Redis from it after a loss of data.
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
   * Reads the copy. The envelopes are not verified. Returns `undefined` when the file is absent or is not a copy.
   *
   * @throws {Error} when the file exists and cannot be read
   */
  read(): SealedPolicy | undefined {
    try {
      return shape.safeParse(JSON.parse(readFileSync(this.#path, 'utf8'))).data
    } catch (error) {
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Replaces the copy atomically. Only the owner can read the file. @throws {Error} when it cannot be written */
  write(policy: SealedPolicy): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    // Nodes that share a folder do not write to the same file.
    const fresh = `${this.#path}.${process.pid}`
    const file = openSync(fresh, 'w', 0o600)
    try {
      writeSync(file, JSON.stringify(policy))
      // Without this, a power failure could leave an older policy, which this node has already acknowledged as replaced.
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(fresh, this.#path)
  }
}
