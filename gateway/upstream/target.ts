import type { Readable } from 'node:stream'
import type { GatewayFault } from '../base/fault.ts'
import type { Health } from './health.ts'
import type { ReplyHead } from './reply-head.ts'

/** One request to a protected service. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as they go on the wire. */
  readonly target: string
  /**
   * Name and value alternate, names in lower case; Latin-1, checked. No framing but `content-length`, which is then the
   * exact length of the body: without it a body is sent chunked.
   */
  readonly fields: string[]
  /** Read as fast as the service takes it. */
  readonly body: Readable | undefined
  /** Address of whoever asks, 4 or 16 bytes: no client takes all that there is of an upstream. */
  readonly client?: Uint8Array
  /**
   * Not over a kept connection: one had just been closed, and so may be the others, unnoticed yet. undici has no way to
   * ask for that.
   */
  readonly fresh?: boolean
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
 * What a call reports, in this order: `onOpen` once where the call had to wait for a connection, `onHead` once, `onData` any number of times, then `onEnd`; or at any point
 * `onFault`, after which nothing follows. Never from within `send`, never after `abort`.
 */
export interface UpstreamListener {
  /** The connection is there, and no byte of the request has been written. An `abort` in here keeps it unwritten. */
  onOpen(): void
  /** @param head  its fields can be read until this returns, its `lines()` until the next of these calls */
  onHead(head: ReplyHead): void
  /**
   * @param chunk  lies in memory that the next read overwrites: what is needed later is to be copied
   * @returns false to hold the service until `resume`; what was read already may still come
   */
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

/** One upstream of a service. How bytes travel is its own matter. */
export interface Target {
  readonly origin: string
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall
}

/** A target that keeps connections. */
export interface PooledTarget extends Target {
  readonly health: Health
  /**
   * Lets calls under way come to their end. An exchange that was decided under the policy before may still come: its
   * connection closes after it.
   */
  close(): void
}

/** Longest head of a reply, bytes. */
export const HEAD_MAX_BYTES = 64 * 1024
