import type { Readable } from 'node:stream'
import type { Denial } from '../base/denial.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { Answer } from './answer.ts'

/**
 * The client's side of an exchange, as the phases and the driver need it. `http/` implements it over uWebSockets.js.
 * Every call is safe after the client went away: it does nothing.
 */
export interface Downstream {
  /** 4 or 16 bytes, IPv4-mapped addresses folded. */
  readonly remoteAddress: Uint8Array
  /** What a PROXY header of the connection says, folded; `undefined` without one. Worth nothing by itself. */
  readonly proxiedAddress: Uint8Array | undefined
  /** True once a byte of the request body was handed to an upstream: the exchange can no longer be tried again. */
  readonly bodyTouched: boolean
  /** Bytes of the request body that came in so far. */
  readonly bytesIn: number
  /** Bytes of the reply's body that went out so far. */
  readonly bytesOut: number
  /** True once the head of a reply is on its way to the client. */
  readonly replying: boolean
  /** The request body as a stream, read from the client only as fast as it is taken; `undefined` when there is none. */
  openBody(): Readable | undefined
  /** Replies with a refusal, completed by the request id and the URL of the resource's metadata. */
  refuse(denial: Denial, requestId: string, metadataUrl: string): void
  answer(answer: Answer, requestId: string): void
  /** Begins the reply of the service. */
  begin(head: ReplyHead): void
  /** @param chunk  copied where it has to wait. @returns false when the client reads slower than this: the upstream is held until `call.resume` */
  write(chunk: Uint8Array): boolean
  /** @returns false when fewer bytes came than `Content-Length` said: the reply was ended as broken */
  end(): boolean
  /** The exchange is over, and its record is written: nothing needs to be kept. */
  release(): void
  /** Ends the connection so that the client sees a broken reply, never a complete one. */
  abort(): void
}
