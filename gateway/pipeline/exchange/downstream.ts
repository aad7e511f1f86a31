import type { Readable } from 'node:stream'
import type { Denial } from '../../base/denial.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { Answer } from './answer.ts'

/**
 * The client side of an exchange, for the phases and the driver. `http/` implements it with uWebSockets.js. Every
 * method is safe after the client has disconnected: it does nothing then.
 */
export interface Downstream {
  /** The peer's address, 4 or 16 bytes; IPv4-mapped addresses are converted to IPv4. */
  readonly remoteAddress: Uint8Array
  /**
   * Client address from the connection's PROXY header, IPv4-mapped converted to IPv4; `undefined` without a header.
   * Untrusted until `resolve-client` has checked that the peer is a listed proxy.
   */
  readonly proxiedAddress: Uint8Array | undefined
  /** True once a byte of the request body went to an upstream. The exchange can no longer be retried then. */
  readonly bodyTouched: boolean
  /** Bytes of the request body received so far. */
  readonly bytesIn: number
  /** Bytes of the response body sent so far. */
  readonly bytesOut: number
  /** True once the gate has started to send a response head to the client. */
  readonly replying: boolean
  /** The request body as a stream with backpressure to the client; `undefined` without a body. */
  openBody(): Readable | undefined
  /** Sends a denial, with the request id and the URL of the protected resource metadata. */
  refuse(denial: Denial, requestId: string, metadataUrl: string): void
  answer(answer: Answer, requestId: string): void
  /** Starts the response from the service. */
  begin(head: ReplyHead): void
  /**
   * @param chunk  copied if it has to be queued
   * @returns false when the client is slower than the upstream; the upstream stays paused until `call.resume`
   */
  write(chunk: Uint8Array): boolean
  /** @returns false when fewer bytes arrived than `Content-Length` announced; the connection was then closed */
  end(): boolean
  /** Frees the resources of a finished exchange. Its record has been written. */
  release(): void
  /** Closes the connection so that the client detects a truncated response. */
  abort(): void
}
