import type { GatewayFault } from '../base/fault.ts'
import type { WaitingCall } from './adaptive-limit.ts'
import type { Share } from './client-counts.ts'
import { type CallKind, type ConcurrencyLimiter, callKind, type Seated } from './concurrency-limiter.ts'
import { DISCARD_IDLE_MS, DiscardedReply } from './discarded-reply.ts'
import type { ReplyHead } from './reply-head.ts'
import type { UpstreamRequestHead } from './request-head.ts'
import type { RequestStream, UpstreamCall, UpstreamListener, UpstreamRequest } from './target.ts'

/**
 * The connection that carries a call. The methods after `destroy` are only for a connection that has switched to
 * another protocol.
 */
export interface Carrier {
  resume(): void
  destroy(): void
  pause(): void
  /** @param sent  called when all bytes have been sent, or with an error */
  write(bytes: Buffer, sent?: (error?: Error | null) => void): void
  readonly usable: boolean
  readonly unsentBytes: number
  finish(): void
}

/** The protocol to which a call asks the service to switch, such as WebSocket (RFC 9110 §7.8). */
export interface Upgrade {
  /**
   * Validates a 101 reply.
   *
   * @returns the selected subprotocol; `''` when the service selected none
   * @throws {MalformedReply} when the service must not have sent this reply
   */
  accept(head: ReplyHead): string
  begin(head: ReplyHead, protocol: string): void
  /** Reads bytes of the protocol to which the connection has switched. The next read overwrites the bytes. */
  read(bytes: Buffer, from: number, to: number): void
  /** Called when all bytes that the gate wrote have been sent. */
  drained(): void
}

/** One request and its reply on one HTTP/1.1 connection. Ends exactly once: by completion, by a fault or by `abort`. */
export class Http1Call implements UpstreamCall, Seated {
  listener: UpstreamListener
  readonly timeouts: UpstreamRequest['timeouts']
  readonly body: RequestStream | undefined
  readonly client: Uint8Array | undefined
  /** True for HEAD: the reply has no body, whatever its header fields say. */
  readonly bodyless: boolean
  readonly #seats: ConcurrencyLimiter
  /** The protocol to which the call asks the service to switch; `undefined` for an ordinary call. */
  readonly upgrade: Upgrade | undefined = undefined
  share: Share | undefined
  readonly kind: CallKind
  waiting: WaitingCall | undefined
  head: UpstreamRequestHead | undefined
  connection: Carrier | undefined
  reads = 0
  /** Longest time for which the body of the reply may pause between two bytes, ms. */
  idleMs: number
  #over = false

  /** @param seats  concurrency limiter; the call releases its slot once, however the call ends */
  constructor(
    request: Pick<UpstreamRequest, 'method' | 'body' | 'timeouts' | 'client'>,
    listener: UpstreamListener,
    seats: ConcurrencyLimiter,
  ) {
    this.listener = listener
    this.timeouts = request.timeouts
    this.idleMs = request.timeouts.idleMs
    this.body = request.body
    this.client = request.client
    this.bodyless = request.method === 'HEAD'
    this.#seats = seats
    this.kind = callKind(request.body !== undefined, request.timeouts.firstByteMs)
  }

  /** Called when the whole request has been passed to the socket. */
  sent(): void {
    this.#seats.sent(this)
  }

  /** Called when the head of the reply has arrived. */
  answered(): void {
    this.#seats.answered(this)
  }

  /**
   * Ends the call.
   *
   * @returns false if the call has already ended
   */
  end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.connection = undefined
    this.#seats.leave(this)
    return true
  }

  fail(fault: GatewayFault): void {
    if (this.end()) this.listener.onFault(fault)
  }

  resume(): void {
    this.connection?.resume()
  }

  allowSilence(): void {
    this.idleMs = Number.POSITIVE_INFINITY
  }

  discard(): void {
    if (this.#over) return
    this.idleMs = DISCARD_IDLE_MS
    this.listener = new DiscardedReply(() => this.abort())
  }

  abort(): void {
    const connection = this.connection
    if (this.end()) connection?.destroy()
  }
}
