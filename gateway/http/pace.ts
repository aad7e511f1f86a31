/**
 * How a client does that is waited for, in bytes it has moved. Counted in looks, several a second, and not by the clock: a
 * process that stood still for a while must not blame its clients for it.
 */
export class Pace {
  #from: number
  #looks = 0

  /** @param bytes  moved so far */
  constructor(bytes: number) {
    this.#from = bytes
  }

  /**
   * @param bytes   moved so far
   * @param enough  bytes after which the count begins anew
   * @returns looks in a row for which there was not enough
   */
  look(bytes: number, enough: number): number {
    if (bytes - this.#from >= enough) {
      this.#from = bytes
      this.#looks = 0
    }
    return ++this.#looks
  }
}
