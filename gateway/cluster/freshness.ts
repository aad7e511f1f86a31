import { performance } from 'node:perf_hooks'

/** Time at which a read of the event log was sent, by the monotonic clock and by the wall clock, ms. */
export interface ReadTime {
  readonly at: number
  readonly wallMs: number
}

/** Before every read. */
export const neverRead: ReadTime = { at: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY }
const noLimit: ReadTime = { at: Number.POSITIVE_INFINITY, wallMs: Number.POSITIVE_INFINITY }

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
  /** Reads after this time do not count. */
  #limit = noLimit

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

  /** Time of the last counted read. */
  get lastRead(): ReadTime {
    return { at: this.#sentAt, wallMs: this.#sentWallMs }
  }

  /**
   * Ignores later reads, because this node could not apply a change that the cluster may rely on: the state then ages as
   * without contact to Redis.
   *
   * @param since  last read before the change; `undefined`: all reads count
   */
  limitTo(since: ReadTime | undefined): void {
    this.#limit = since ?? noLimit
  }

  /**
   * Current age of the state, ms. Infinite before the first read. The age is the larger age by two clocks, so a wall
   * clock that is set back has no effect.
   */
  ageMs(): number {
    const { at, wallMs } = this.#limit
    return Math.max(performance.now() - Math.min(this.#sentAt, at), Date.now() - Math.min(this.#sentWallMs, wallMs))
  }

  /**
   * Whether the cluster state of this node is fresh enough for decisions: at most `limitMs` old, and never older than
   * the lease of the node.
   */
  within(limitMs: number): boolean {
    return this.ageMs() <= Math.min(limitMs, this.#vouchedMs)
  }
}
