import { performance } from 'node:perf_hooks'

/** Time at which a read of the event log was sent, by the monotonic clock and by the wall clock, ms. */
export interface ReadTime {
  readonly at: number
  readonly wallMs: number
}

/** Time that stands for "the event log was not read yet": earlier than every read. */
export const neverRead: ReadTime = { at: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY }
const noLimit: ReadTime = { at: Number.POSITIVE_INFINITY, wallMs: Number.POSITIVE_INFINITY }

/**
 * Measures the age of the cluster state that this node has applied. The age starts when the read was *sent*, because a
 * reply can wait in the socket while the process is paused. Callers must record a read only if the same Redis server
 * also accepted a write: a replaced master can still reply to reads.
 */
export class Freshness {
  /** Time at which the last recorded read of the event log was sent, monotonic, ms. */
  #sentAt = Number.NEGATIVE_INFINITY
  /**
   * Wall-clock time at which the last recorded read was sent, ms since the Unix epoch. The wall clock is needed too,
   * because the monotonic clock stops while a virtual machine is suspended.
   */
  #sentWallMs = Number.NEGATIVE_INFINITY
  #vouchedMs = 0
  /** Reads of the event log that were sent after this time do not make the state younger (see {@link limitTo}). */
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

  /**
   * Time at which the newest applied read of the event log was sent: `at` by the monotonic clock, `wallMs` by the wall
   * clock, ms.
   */
  get lastRead(): ReadTime {
    return { at: this.#sentAt, wallMs: this.#sentWallMs }
  }

  /**
   * Ignores reads of the event log after `since`, because this node could not apply a change that other nodes may rely
   * on. The state then ages as if the node had no contact to Redis.
   *
   * @param since  time of the last read before the change; `undefined`: no read is ignored any more
   */
  limitTo(since: ReadTime | undefined): void {
    this.#limit = since ?? noLimit
  }

  /**
   * Current age of the cluster state of this node, ms. Infinite before the first read. Of the ages by the monotonic
   * clock and by the wall clock, the larger counts, so a wall clock that is set back has no effect.
   */
  ageMs(): number {
    const { at, wallMs } = this.#limit
    return Math.max(performance.now() - Math.min(this.#sentAt, at), Date.now() - Math.min(this.#sentWallMs, wallMs))
  }

  /**
   * Whether the cluster state of this node is fresh enough for decisions: at most `limitMs` old, and not older than the
   * lease of the node lasts.
   */
  within(limitMs: number): boolean {
    return this.ageMs() <= Math.min(limitMs, this.#vouchedMs)
  }
}
