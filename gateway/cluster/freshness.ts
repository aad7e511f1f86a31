import { performance } from 'node:perf_hooks'

/**
 * How old the state is that this node has applied. Counts from when the read was *sent* whose reply has been applied: a
 * reply may have lain in the socket while the process was stopped. A read counts only together with a write of the node's
 * own to the same server, since a master that was replaced may go on answering reads.
 */
export class Freshness {
  /** Monotonic, ms. */
  #sentAt = Number.NEGATIVE_INFINITY
  /** Wall clock of the same moment: the monotonic clock stands still while a virtual machine is suspended. */
  #sentWallMs = Number.NEGATIVE_INFINITY
  #vouchedMs = 0

  /**
   * @param sentAt      monotonic, ms
   * @param sentWallMs  ms since the epoch
   * @param vouchedMs   how long the lease lasts that the same call has taken: so long others count with this node
   */
  proven(sentAt: number, sentWallMs: number, vouchedMs: number): void {
    this.#sentAt = sentAt
    this.#sentWallMs = sentWallMs
    this.#vouchedMs = vouchedMs
  }

  /** Age in ms, by clocks read now. Infinite before the first read. A wall clock that was set back changes nothing. */
  ageMs(): number {
    return Math.max(performance.now() - this.#sentAt, Date.now() - this.#sentWallMs)
  }

  /** Whether the state may still be decided by. Never beyond what the others count with, whatever the limit. */
  within(limitMs: number): boolean {
    return this.ageMs() <= Math.min(limitMs, this.#vouchedMs)
  }
}
