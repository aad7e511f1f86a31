import { performance } from 'node:perf_hooks'
import { ClientCounts, type Share } from './client-counts.ts'
import { LatencyGradient } from './latency-gradient.ts'

/**
 * Under contention, maximum number of waiting calls of one client to an upstream, as a factor of the free places of its
 * limit.
 */
const CLIENT_SHARE = 3

/** A call that waits for the head of its reply. */
export interface WaitingCall {
  readonly share: Share
  /** Time at which the request was sent, monotonic, ms; 0 for a call whose latency is not measured. */
  sentAtMs: number
}

/**
 * Limits the calls to one upstream that wait for the head of their reply, by an estimate from the latency of the calls
 * (`concurrency: adaptive`). After its head, a reply depends on the speed of the client, and no longer counts. One client
 * can hold at most three times the free places, as in `ConcurrencyLimiter`.
 */
export class AdaptiveLimit {
  readonly #gradient: LatencyGradient
  readonly #now: () => number
  readonly #clients = new ClientCounts()
  #waiting = 0

  /** @param now  returns the monotonic time, ms */
  constructor(max: number, now: () => number = () => performance.now()) {
    this.#gradient = new LatencyGradient(max)
    this.#now = now
  }

  get limit(): number {
    return this.#gradient.limit
  }

  /** @returns the reason for which a call is refused; `undefined` when the call is admitted */
  refusal(client: Uint8Array | undefined): string | undefined {
    const { limit } = this
    this.#gradient.busy(this.#waiting)
    if (this.#waiting >= limit) return `the adaptive limit of ${limit} calls is in use`
    if (client === undefined || this.#waiting < (limit * CLIENT_SHARE) / (CLIENT_SHARE + 1)) return undefined
    const held = this.#clients.heldBy(client)
    if (held < CLIENT_SHARE * (limit - this.#waiting)) return undefined
    return `the client already has ${held} of ${this.#waiting} calls below the adaptive limit`
  }

  /** Counts a call that is about to wait for its reply. */
  begin(client: Uint8Array | undefined): WaitingCall {
    this.#waiting++
    return { share: this.#clients.add(client), sentAtMs: 0 }
  }

  /** Starts to measure the latency of a call. */
  sent(call: WaitingCall): void {
    call.sentAtMs = this.#now()
  }

  /** Ends the wait of a call. @param isAnswered  true when the head of the reply has arrived */
  end({ share, sentAtMs }: WaitingCall, isAnswered: boolean): void {
    this.#gradient.busy(this.#waiting)
    this.#waiting--
    this.#clients.take(share)
    if (!isAnswered || sentAtMs === 0) return
    const now = this.#now()
    this.#gradient.sample(now - sentAtMs, now)
  }
}
