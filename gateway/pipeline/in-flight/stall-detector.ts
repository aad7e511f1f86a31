/**
 * Counts how long a client has moved too few bytes. Time is counted in calls of `stalledCalls`, several per second, not
 * read from a clock. So a process that was suspended does not treat its clients as stalled when it resumes.
 */
export class StallDetector {
  #from: number
  #looks = 0

  /** @param bytes  number of bytes that the client has moved so far */
  constructor(bytes: number) {
    this.#from = bytes
  }

  /**
   * Counts the consecutive calls without enough progress of the client. Must be called several times per second.
   *
   * @param bytes   number of bytes that the client has moved so far
   * @param enough  number of bytes after which the count restarts
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
