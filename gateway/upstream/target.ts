import type { Readable } from 'node:stream'
import type { GatewayFault } from '../base/fault.ts'

/** One request to a protected service. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as they go on the wire. */
  readonly target: string
  /** Name and value alternate; Latin-1, checked. */
  readonly fields: string[]
  /** Read as fast as the service takes it. */
  readonly body: Readable | undefined
  readonly timeouts: RequestTimeouts
}

/** All in ms. */
export interface RequestTimeouts {
  /** For the head of the reply, once the request is sent. */
  readonly firstByteMs: number
  /** Without a byte of the reply's body. */
  readonly idleMs: number
}

/**
 * What a call reports, in this order: `onHead` once, `onData` any number of times, then `onEnd`; or at any point
 * `onFault`, after which nothing follows. Never after `abort`.
 */
export interface UpstreamListener {
  /**
   * @param fields  name and value alternate, as the service sent them: one Content-Length at most, and no
   *   Transfer-Encoding but `chunked`, which is undone
   */
  onHead(status: number, statusText: string, fields: readonly Buffer[]): void
  /** @returns false to hold the service until `resume` */
  onData(chunk: Buffer): boolean
  onEnd(): void
  onFault(fault: GatewayFault): void
}

/** A call under way. Every method is safe after its end. */
export interface UpstreamCall {
  resume(): void
  /** Gives the call up: its connection is closed, nothing more is reported. */
  abort(): void
}

/** One upstream of a service. How bytes travel is its own matter: undici now, a client of our own later. */
export interface Target {
  readonly origin: string
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall
}
