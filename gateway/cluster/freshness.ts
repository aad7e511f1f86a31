import { performance } from 'node:perf_hooks'

/**
 * Measures the age of the state that this node has applied. The age counts from when the read was *sent*, because a
 * reply may wait in the socket while the process is paused. A read counts only together with a write to the same
 * server, because a replaced master may still answer reads.
 */
export class Freshness {
  /** When the last counted read was sent, monotonic, ms. */
  #sentAt = Number.NEGATIVE_INFINITY
  /**
   * Wall clock when the last counted read was sent, ms since the Unix epoch. Needed because the monotonic clock stops
   * while a virtual machine is suspended.
   */
  #sentWallMs = Number.NEGATIVE_INFINITY
  #vouchedMs = 0

  /**
   * Records a read whose events have been applied.
   *
   * @param sentAt      when the read was sent, monotonic, ms
   * @param sentWallMs  when the read was sent, ms since the Unix epoch
   * @param vouchedMs   duration of the lease that the same round trip renewed, ms; other members wait that long
   */
  recordRead(sentAt: number, sentWallMs: number, vouchedMs: number): void {
    this.#sentAt = sentAt
    this.#sentWallMs = sentWallMs
    this.#vouchedMs = vouchedMs
  }

  /** Age in ms, by the clocks now. Infinite before the first read. Setting the wall clock back has no effect. */
  ageMs(): number {
    return Math.max(performance.now() - this.#sentAt, Date.now() - this.#sentWallMs)
  }

  /** Whether the state is fresh enough for decisions: at most `limitMs` old, and never older than the lease. */
  within(limitMs: number): boolean {
    return this.ageMs() <= Math.min(limitMs, this.#vouchedMs)
  }
}
