import { stampOf } from './file-stamp.ts'

/**
 * Detects changes of files by their metadata. A change is reported only when two consecutive checks find the same
 * metadata, so that no file is read while it is written.
 */
export class SettledFiles {
  readonly #files: readonly string[]
  /** Stamp (metadata) of the watched files at the last check. */
  #found: string
  /** Stamp (metadata) of the watched files when they were read last. */
  #read: string

  constructor(files: readonly string[]) {
    this.#files = files
    this.#read = this.#stamp()
    this.#found = this.#read
  }

  /** Notes that the caller reads the watched files now, so that only later changes are reported. */
  markRead(): void {
    this.#read = this.#stamp()
    this.#found = this.#read
  }

  /**
   * Checks the watched files. Returns true when they have changed since the last read, but not since the previous
   * check.
   */
  check(): boolean {
    const stamp = this.#stamp()
    const isSettled = stamp === this.#found
    this.#found = stamp
    return isSettled && stamp !== this.#read
  }

  #stamp(): string {
    return this.#files.map(stampOf).join('\n')
  }
}
