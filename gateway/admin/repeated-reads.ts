/** Time for which equal reads of the console are only counted after a recorded one, ms. */
const REPEAT_MS = 60_000
/**
 * Maximum number of different admin API reads whose repetitions are counted. Beyond it, the oldest read gets a new
 * audit record.
 */
const READS_MAX = 1024

interface RecordedRead {
  readonly recordedAtMs: number
  /** Number of equal reads since the audit record. */
  repeats: number
}

/**
 * Decides which reads of the console get a log line and an audit record. A page that updates itself repeats a read every
 * few seconds; a record of each would bury the other records. Changes, failed calls and calls with a bearer token are
 * always recorded.
 */
export class RepeatedReads {
  readonly #nowMs: () => number
  /**
   * Recorded reads by session and path, in the order in which they were recorded.
   *
   * @bound {@link READS_MAX} reads | the oldest is forgotten, and its next repetition recorded | none
   */
  readonly #reads = new Map<string, RecordedRead>()

  /** @param nowMs  monotonic clock, ms */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /**
   * Counts a read.
   *
   * @param key  equal for equal reads
   * @returns the number of equal reads since the last recorded one; `undefined` when the read is not to be recorded
   */
  count(key: string): number | undefined {
    const now = this.#nowMs()
    const read = this.#reads.get(key)
    if (read !== undefined && now < read.recordedAtMs + REPEAT_MS) {
      read.repeats++
      return undefined
    }
    this.#reads.delete(key)
    const [oldest] = this.#reads.keys()
    if (this.#reads.size >= READS_MAX) this.#reads.delete(oldest!)
    this.#reads.set(key, { recordedAtMs: now, repeats: 0 })
    return read?.repeats ?? 0
  }
}
