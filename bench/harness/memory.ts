import { residentBytes } from './cpu.ts'

const SAMPLE_MS = 20
const MIB = 1024 * 1024

/** Measures how much the resident memory of a process rises. Reads it every 20 ms. */
export class Memory {
  readonly #pid: number
  readonly #before: number
  readonly #timer: NodeJS.Timeout
  #most: number

  constructor(pid: number) {
    this.#pid = pid
    this.#before = residentBytes(pid)
    this.#most = this.#before
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS)
  }

  #look(): void {
    this.#most = Math.max(this.#most, residentBytes(this.#pid))
  }

  /**
   * Ends the measurement.
   *
   * @returns the largest rise of the resident memory since the constructor was called, MiB
   */
  end(): number {
    clearInterval(this.#timer)
    this.#look()
    return Math.round((this.#most - this.#before) / MIB)
  }
}
