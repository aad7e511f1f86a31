import { performance } from 'node:perf_hooks'

/**
 * Measures the age of the cluster state that this node has applied. The age counts from when the read was *sent*,
 * because a reply can wait in the socket while the process is paused. A read counts only together with a write to the
 * same server, because a replaced master can still reply to reads.
 */
export class Freshness {
  /** Time at which the last counted read was sent, monotonic, ms. */
  #sentAt = Number.NEGATIVE_INFINITY
  /**
   * Wall-clock time at which the last counted read was sent, ms since the Unix epoch. The wall clock is needed, because
   * the monotonic clock stops while a virtual machine is suspended.
   */
  #sentWallMs = Number.NEGATIVE_INFINITY
  #vouchedMs = 0

  /**
   * Records a read of the event log whose events have been applied.
   *
   * @param sentAt      time at which the read was sent, monotonic, ms
   * @param sentWallMs  time at which the read was sent, ms since the Unix epoch
   * @param vouchedMs   duration of the lease that the same round trip renewed, ms; other members wait for this node
   *   during the lease
   */
  recordRead(sentAt: number, sentWallMs: number, vouchedMs: number): void {
    this.#sentAt = sentAt
    this.#sentWallMs = sentWallMs
    this.#vouchedMs = vouchedMs
  }

  /**
   * Current age of the state, ms. Infinite before the first read. The age is the larger age by two clocks, so a wall
   * clock that is set back has no effect.
   */
  ageMs(): number {
    return Math.max(performance.now() - this.#sentAt, Date.now() - this.#sentWallMs)
  }

  /**
   * Whether the cluster state of this node is fresh enough for decisions: at most `limitMs` old, and never older than
   * the lease of the node.
   */
  within(limitMs: number): boolean {
    return this.ageMs() <= Math.min(limitMs, this.#vouchedMs)
  }
}
