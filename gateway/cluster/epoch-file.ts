import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * The epoch that a node was last part of, on its own disk. With it, a node that starts tells a Redis that lost its data
 * from one that is new.
 */
export class EpochFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** @throws {Error} when there is a file that cannot be read */
  read(): string | undefined {
    try {
      const text = readFileSync(this.#path, 'latin1').trim()
      return /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : undefined
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** @throws {Error} when it cannot be written */
  write(epoch: string): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
    const fresh = `${this.#path}.new`
    writeFileSync(fresh, `${epoch}\n`, { mode: 0o600 })
    renameSync(fresh, this.#path)
  }
}
