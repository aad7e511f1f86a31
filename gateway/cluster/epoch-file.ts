import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * File on the local disk of a node with the last epoch (a random id of the data in Redis). With this file, a starting
 * node can tell whether Redis is new or has lost its data.
 */
export class EpochFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Reads the epoch from the file of the node. Returns `undefined` if the file is absent or invalid. @throws {Error}
   * when the file exists and cannot be read
   */
  read(): string | undefined {
    try {
      const text = readFileSync(this.#path, 'latin1').trim()
      return /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /**
   * Writes the epoch to the file of the node, and replaces the file atomically. @throws {Error} when the file cannot be
   * written
   */
  write(epoch: string): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    const fresh = `${this.#path}.new`
    writeFileSync(fresh, `${epoch}\n`, { mode: 0o600 })
    renameSync(fresh, this.#path)
  }
}
