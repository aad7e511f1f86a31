import type { Readable } from 'node:stream'
import type { GatewayFault } from '../base/fault.ts'
import type { Health } from './health.ts'
import type { ReplyHead } from './reply-head.ts'

/** One request to a protected service. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as sent on the wire. */
  readonly target: string
  /**
   * Header fields, alternating name and value; names in lower case; Latin-1, validated. The only framing field is
   * `content-length`, the exact length of the body. Without it the body is sent chunked.
   */
  readonly fields: string[]
  /** Body stream of the request. The gate reads the stream only as fast as the service accepts the bytes. */
  readonly body: Readable | undefined
  /** Client address, 4 or 16 bytes. Used to limit the concurrent calls of one client to an upstream. */
  readonly client?: Uint8Array
  /**
   * True to open a new connection for a retry: the service has just closed an idle connection, and the other idle
   * connections may be closed too. undici targets ignore this property, since undici offers no such option.
   */
  readonly fresh?: boolean
  readonly timeouts: RequestTimeouts
}

/** Timeouts of one request, ms. */
export interface RequestTimeouts {
  /** Longest wait for the head of the reply after the request has been sent, ms. */
  readonly firstByteMs: number
  /** Longest time without a byte of the reply's body, ms. */
  readonly idleMs: number
}

/**
 * Receives the events of a call in this order: `onOpen` once if the call waited for a connection, `onHead` once,
 * `onData` any number of times, then `onEnd`. `onFault` can replace any of these events, and no event follows
 * `onFault`. No event is reported from within `send` or after `abort`.
 */
export interface UpstreamListener {
  /**
   * Called when the connection is open and no byte of the request has been written. Calling `abort` in this method
   * prevents the write.
   */
  onOpen(): void
  /**
   * Called when the head of the reply has arrived.
   *
   * @param head  head of the reply. Its fields are readable until this method returns; the buffer from `lines()` is
   *   valid until the next event of the call
   */
  onHead(head: ReplyHead): void
  /**
   * Called for each piece of the reply's body.
   *
   * @param chunk  body bytes. The next read overwrites their memory: copy the bytes that are needed later
   * @returns false to pause the service until `resume`; data that was already read can still arrive
   */
  onData(chunk: Buffer): boolean
  onEnd(): void
  onFault(fault: GatewayFault): void
}

/** A call in progress. Every method can also be called after the call has ended. */
export interface UpstreamCall {
  resume(): void
  /** Cancels the call: closes its connection and reports no further event. */
  abort(): void
}

/** One upstream of a service, independent of the HTTP client in use. */
export interface UpstreamTarget {
  readonly origin: string
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall
}

/** An upstream of a service, with a connection pool. */
export interface PooledTarget extends UpstreamTarget {
  readonly health: Health
  /**
   * Closes the target gracefully: calls in progress complete. An exchange that was decided under the previous policy
   * can still call `send`; its connection closes after the exchange.
   */
  close(): void
}

/** Maximum size of a reply head, bytes. */
export const HEAD_MAX_BYTES = 64 * 1024
