import type { Readable } from 'node:stream'
import type { GatewayFault } from '../base/fault.ts'
import type { NameLookup } from '../base/guarded-lookup.ts'
import type { ConcurrencyLimiter } from './concurrency-limiter.ts'
import type { Health } from './health.ts'
import type { ReplyHead } from './reply-head.ts'
import type { ServiceProtocol } from './service-protocol.ts'
import type { TlsMaterial } from './tls/tls-material.ts'

/**
 * Trailer fields of a message (RFC 9110 §6.5): alternating names and values, names in lower case, values Latin-1 without
 * control characters. Trailers are never merged into header fields.
 */
export type Trailers = readonly string[]

/** Body of a request, as an upstream reads it. */
export interface RequestStream extends Readable {
  /**
   * False once it is known that the body has no trailers; `undefined` for a body that can never have trailers. With
   * HTTP/2, a request that may have trailers needs one more frame.
   */
  readonly mayHaveTrailers?: boolean
  /**
   * Trailers of the request; complete when the stream has ended. An upstream with HTTP/1.1 does not receive the
   * trailers.
   */
  readonly trailers?: Trailers
  /**
   * Takes a small body that has arrived completely, has no trailers, and of which nothing was read. This saves the
   * events of two streams, which would cost more CPU time than the rest of the call.
   *
   * @param length  length of the body as stated in Content-Length, bytes
   * @returns the body; `undefined` when it must be read from the stream. May end the exchange, as a read from the
   *   stream may
   */
  takeWhole?(length: number | undefined): Buffer | undefined
  /** Called when the last byte of the body or its trailers have arrived. The upstream sets this callback. */
  onWhole?: () => void
}

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
  readonly body: RequestStream | undefined
  /** Client address, 4 or 16 bytes. Used to limit the concurrent calls of one client to an upstream. */
  readonly client?: Uint8Array
  /**
   * True to open a new connection for a retry: the service has just closed an idle connection, and the other idle
   * connections may be closed too.
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
  /**
   * Called when the reply is complete.
   *
   * @param trailers  trailers of the reply as the service sent them; `undefined` for none, and with HTTP/1.1
   */
  onEnd(trailers?: Trailers): void
  onFault(fault: GatewayFault): void
}

/** A call in progress. Every method can also be called after the call has ended. */
export interface UpstreamCall {
  /** Counter that grows each time bytes for this call are read. It does not change while the service sends nothing. */
  readonly reads: number
  resume(): void
  /**
   * Ends the use of `timeouts.idleMs` for the rest of the reply's body. Call this when the reply may be silent for any
   * time.
   */
  allowSilence(): void
  /**
   * Ignores the rest of the reply, once its head has arrived. Reports no further event. Reads a small rest, so that the
   * connection can be reused, and cancels the call when the rest is large or slow.
   */
  discard(): void
  /** Cancels the call: closes its connection and reports no further event. */
  abort(): void
}

/** A request that asks a service to switch to WebSocket (RFC 6455 §4.1). Its method is GET; it has no body. */
export interface UpgradeRequest extends Pick<UpstreamRequest, 'target' | 'client' | 'timeouts'> {
  /** Header fields as in {@link UpstreamRequest}, without `Upgrade`, `Connection` and the `Sec-WebSocket` fields. */
  readonly fields: string[]
  /** Subprotocols offered to the service, in order of preference. */
  readonly protocols: readonly string[]
  /** Size above which a message of the service ends the connection with close code 1009, bytes. */
  readonly maxMessageBytes: number
}

/**
 * Receives the events of an upgrade. A reply other than 101 is reported like the reply to an ordinary request. After
 * `onSwitch`, messages follow, then `onClose` or `onFault` once.
 */
export interface UpgradeListener extends UpstreamListener {
  /**
   * Called when the service has switched to WebSocket (101).
   *
   * @param head      head of the 101 reply. Its fields are readable until this method returns
   * @param protocol  selected subprotocol; `''` for none
   */
  onSwitch(head: ReplyHead, protocol: string): void
  /**
   * Called for each message of the service.
   *
   * @param data  a whole message; the next read overwrites its memory
   * @returns false to pause the service until `resume`; messages that were already read may still arrive
   */
  onMessage(data: Buffer, binary: boolean): boolean
  /** Called when the service sent a close frame. @param code  1005 when the frame contains no code */
  onClose(code: number, reason: Buffer): void
  /**
   * Called when all messages passed to `send` have been written to the socket, but only after `send` returned false.
   */
  onDrained(): void
}

/** An upgrade in progress, then the WebSocket to the service. Every method may be called after its end. */
export interface UpgradeCall extends UpstreamCall {
  /** Sends a message to the service. @returns false when too many bytes are queued; stop sending until `onDrained` */
  send(data: Uint8Array, binary: boolean): boolean
  ping(): void
  pause(): void
  /** Number of bytes that are queued for the service of the WebSocket. */
  readonly unsentBytes: number
  /**
   * Ends the WebSocket: sends a close frame and reports no further event. Before the switch to WebSocket, this method
   * cancels the call.
   *
   * @param code    code that is allowed in a close frame; `undefined` for a close frame without a code
   * @param reason  reason for the close frame, cut to 123 bytes
   */
  close(code?: number, reason?: string): void
}

/** One upstream of a service. */
export interface UpstreamTarget {
  readonly origin: string
  /** Address that the connections use; `undefined` when each connection looks the name up, and without a name. */
  readonly peer?: string | undefined
  /** Health of the upstream; `undefined` in a dry run. */
  readonly health?: Health
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall
  upgrade(request: UpgradeRequest, listener: UpgradeListener): UpgradeCall
}

/** An upstream of a service, with a connection pool. */
export interface PooledTarget extends UpstreamTarget {
  readonly health: Health
  /**
   * End of the validity of the upstream's certificate in its latest full TLS handshake, ms since the epoch; `undefined`
   * before the first one, and without TLS.
   */
  readonly certificateUntilMs: number | undefined
  /**
   * Closes the target gracefully: calls in progress complete. An exchange that was decided under the previous policy
   * can still call `send`; its connection closes after the exchange.
   */
  close(): void
  /**
   * Opens connections before calls need them, up to this number of connections; with HTTP/2 one session, which carries
   * many calls. A connection without a call closes after its idle time.
   */
  warm(connections: number): void
  readonly protocol: ServiceProtocol
  readonly peer: string | undefined
  /** Number of connections to the upstream, including connections that are being opened or closed. */
  readonly connections: number
  /** Number of calls in flight, WebSockets included. */
  readonly calls: number
  /** Maximum number of calls that wait for their reply with `concurrency: adaptive`, or else of all calls. */
  readonly limit: number
}

/** Parts of an upstream that continue when the upstream is replaced, or that several upstreams share. */
export interface TargetParts {
  /**
   * Limit of concurrent calls. When a change of certificates replaces the upstream, the new upstream keeps this limit.
   */
  readonly seats?: ConcurrencyLimiter | undefined
  /** TLS material for an https upstream. Default: no client certificate, and the authorities of Node.js. */
  readonly material?: TlsMaterial | undefined
  /** Address to which the name of the upstream resolves. Default: each connection looks the name up. */
  readonly peer?: string | undefined
  /** Looks up the name for each connection, when `peer` is not set. Default: the operating system. */
  readonly lookup?: NameLookup | undefined
  /** Called when a connection has opened. @param address  address of the upstream on this connection */
  readonly onConnect?: ((address: string) => void) | undefined
}

/** Name of an upstream in error messages: its origin, and its address if a name has several. */
export function upstreamText({ origin }: URL, peer: string | undefined): string {
  return peer === undefined ? origin : `${origin} (${peer})`
}

/** Maximum size of a reply head, bytes. */
export const HEAD_MAX_BYTES = 64 * 1024
