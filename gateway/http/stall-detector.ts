/**
 * Counts how long a client has moved too few bytes. Time is counted in calls of `stalledCalls`, several per second, not read
 * from a clock: a suspended process does not blame its clients when it resumes.
 */
export class StallDetector {
  #from: number
  #looks = 0

  /** @param bytes  moved so far */
  constructor(bytes: number) {
    this.#from = bytes
  }

  /**
   * @param bytes   moved so far
   * @param enough  bytes after which the count restarts
   * @returns number of consecutive calls without enough progress
   */
  stalledCalls(bytes: number, enough: number): number {
    if (bytes - this.#from >= enough) {
      this.#from = bytes
      this.#looks = 0
    }
    return ++this.#looks
  }
}
