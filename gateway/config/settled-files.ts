import { stampOf } from './file-stamp.ts'

/**
 * Notices changes of files by their metadata. A change counts at the second check that finds it, so that no file is read
 * while it is written.
 */
export class SettledFiles {
  readonly #files: readonly string[]
  /** Stamp of the files at the last check. */
  #found: string
  /** Stamp when the files were read last. */
  #read: string

  constructor(files: readonly string[]) {
    this.#files = files
    this.#read = this.#stamp()
    this.#found = this.#read
  }

  /** Records that the files are read now. */
  markRead(): void {
    this.#read = this.#stamp()
    this.#found = this.#read
  }

  /** Checks the files. Returns true when they have changed since they were read, and not since the previous check. */
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
