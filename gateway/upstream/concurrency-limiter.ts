import { GatewayFault } from '../base/fault.ts'
import type { AdaptiveLimit, WaitingCall } from './adaptive-limit.ts'
import { ClientCounts, type Share } from './client-counts.ts'

/** Under contention, maximum number of concurrent calls of one client for each free slot of the upstream. */
const SHARE = 3

/** A call that holds or requests a slot of the concurrency limit. */
export interface Seated {
  /** Client address, 4 or 16 bytes; `undefined` exempts the call from the limit per client. */
  readonly client: Uint8Array | undefined
  /** Counter of the client's calls; `undefined` while the call holds no slot. Only `ConcurrencyLimiter` writes it. */
  share: Share | undefined
  /**
   * Kind of the call for an adaptive limit. `plain`: without a body, so its latency is measured. `upload`: with a body;
   * it counts once the body has been sent. `stream`: a WebSocket or gRPC call, which never counts. Default: `stream`.
   */
  readonly kind?: CallKind
  /** The call as it counts against the adaptive limit; `undefined` while it does not. Only `ConcurrencyLimiter` writes it. */
  waiting?: WaitingCall | undefined
}

export type CallKind = 'plain' | 'upload' | 'stream'

/** @returns the kind of a call with these timeouts. A call without a time limit for its head is a stream */
export function callKind(hasBody: boolean, firstByteMs: number): CallKind {
  if (firstByteMs === Number.POSITIVE_INFINITY) return 'stream'
  return hasBody ? 'upload' : 'plain'
}

/**
 * Limits the concurrent calls to one upstream, one call per connection. A call beyond `max` is refused instead of
 * queued, because its wait would have no limit. While many slots are free, every client can take a slot. Under
 * contention, one client can hold at most three times the free slots (dynamic threshold, Choudhury & Hahne 1998). At
 * the default of 4,096 slots, a single client reaches 3,072 calls, two reach 1,756 each, and ten reach 397 each.
 *
 * A client that reads slowly on many connections therefore cannot exhaust a service. Neither can `max` / 3 such clients
 * together: one slot stays free. An attacker with more client addresses than `max` / 3 can exhaust the service.
 */
export class ConcurrencyLimiter {
  readonly #origin: string
  readonly #max: number
  /** Number of taken slots below which the limit per client cannot apply, even if one client holds all of them. */
  readonly #crowded: number
  readonly #shares = new ClientCounts()
  readonly #adaptive: AdaptiveLimit | undefined
  #taken = 0

  /** @param adaptive  limit of the calls that wait for their reply; `undefined`: none besides `max` */
  constructor(origin: string, max: number, adaptive?: AdaptiveLimit) {
    this.#origin = origin
    this.#adaptive = adaptive
    this.#max = max
    this.#crowded = (max * SHARE) / (SHARE + 1)
  }

  /** Number of calls in flight. */
  get taken(): number {
    return this.#taken
  }

  /** Maximum number of calls: the adaptive limit, or else `max`. */
  get limit(): number {
    return this.#adaptive?.limit ?? this.#max
  }

  /**
   * Takes a slot for a call.
   *
   * @returns a fault when the call is refused, else `undefined`
   */
  take(call: Seated): GatewayFault | undefined {
    const taken = this.#taken
    if (taken >= this.#max) return this.#full(`all ${this.#max} calls are in use`)
    const { client } = call
    if (taken >= this.#crowded && client !== undefined) {
      const held = this.#shares.heldBy(client)
      if (held >= SHARE * (this.#max - taken))
        return this.#full(`the client already has ${held} of ${taken} concurrent calls`)
    }
    const adaptive = this.#adaptive
    if (adaptive !== undefined && isCounted(call)) {
      const why = adaptive.refusal(client)
      if (why !== undefined) return this.#full(why)
      if (call.kind === 'plain') call.waiting = adaptive.begin(client)
    }
    call.share = this.#shares.add(client)
    this.#taken++
    return undefined
  }

  /** Called when the whole request of a call has been sent. */
  sent(call: Seated): void {
    const adaptive = this.#adaptive
    if (adaptive === undefined || !isCounted(call)) return
    if (call.waiting === undefined) call.waiting = adaptive.begin(call.client)
    else if (call.kind === 'plain') adaptive.sent(call.waiting)
  }

  /** Called when the head of the reply to a call has arrived. */
  answered(call: Seated): void {
    if (call.waiting !== undefined) this.#endWait(call, call.waiting, true)
  }

  #endWait(call: Seated, waiting: WaitingCall, isAnswered: boolean): void {
    call.waiting = undefined
    this.#adaptive!.end(waiting, isAnswered)
  }

  /** Releases the slot of a call; does nothing when the call holds no slot. */
  leave(call: Seated): void {
    const { share } = call
    if (share === undefined) return
    call.share = undefined
    this.#shares.take(share)
    this.#taken--
    if (call.waiting !== undefined) this.#endWait(call, call.waiting, false)
  }

  #full(why: string): GatewayFault {
    return new GatewayFault('upstream-full', 'upstream', `${this.#origin}: ${why}`, { retryable: true })
  }
}

function isCounted({ kind = 'stream' }: Seated): boolean {
  return kind !== 'stream'
}
