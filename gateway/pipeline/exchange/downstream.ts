import type { Denial } from '../../base/denial.ts'
import type { ReplyHead } from '../../upstream/reply-head.ts'
import type { RequestStream, Trailers } from '../../upstream/target.ts'
import type { Answer } from './answer.ts'
import type { ClientSocket, ClientSocketListener } from './client-socket.ts'
import type { Refusal } from './refusal.ts'

/**
 * The client side of an exchange, for the phases and the driver. `http/` implements this interface with uWebSockets.js.
 * After the client has disconnected, every method does nothing.
 */
export interface Downstream {
  /**
   * Address of the peer (the client or the nearest proxy), 4 or 16 bytes; IPv4-mapped addresses are converted to IPv4.
   */
  readonly remoteAddress: Uint8Array
  /**
   * Client address from the connection's PROXY header (HAProxy PROXY protocol), IPv4-mapped converted to IPv4;
   * `undefined` without this header. The address is untrusted until `resolve-client` has checked that the peer is a
   * listed proxy.
   */
  readonly proxiedAddress: Uint8Array | undefined
  /** True once a byte of the request body was sent to an upstream. The exchange can then no longer be retried. */
  readonly bodyTouched: boolean
  /** Number of bytes of the request body received so far. */
  readonly bytesIn: number
  /** Number of bytes of the response body sent so far. */
  readonly bytesOut: number
  /** True once the gate has started to send a response head to the client. */
  readonly replying: boolean
  /**
   * gRPC status that the client gets; `undefined` before the end of a call, for a call that was reset, and for other
   * requests.
   */
  readonly grpcStatus?: number | undefined
  /** True while bytes of the request body have not been passed to the upstream. */
  readonly uploading: boolean
  /** True while the last bytes of a complete reply wait for a slow client. */
  readonly lingers: boolean
  /** True while bytes of the reply wait for the client to read. */
  readonly backedUp: boolean
  /** The request body as a stream with backpressure to the client; `undefined` without a body. */
  openBody(): RequestStream | undefined
  /** Sends the reply of a denial to the client. */
  refuse(refusal: Refusal): void
  answer(answer: Answer, requestId: string): void
  /** Sends the head of the service's response to the client. */
  begin(head: ReplyHead): void
  /**
   * Sends a part of the response body to the client.
   *
   * @param chunk  bytes of the body; copied if they must be queued
   * @returns false when the client is slower than the upstream; the upstream stays paused until `call.resume`
   */
  write(chunk: Uint8Array): boolean
  /**
   * Resumes the request body and the response body after the gate paused both.
   *
   * @returns false when the client is slower than the upstream, as for `write`
   */
  continue(): boolean
  /**
   * Ends the response to the client.
   *
   * @param trailers  trailers for the client; an HTTP/1.1 client gets none
   * @returns false when the service sent fewer bytes than `Content-Length` announced; the client connection was then
   *   closed
   */
  end(trailers?: Trailers): boolean
  /**
   * Ends a gRPC call whose reply has begun, with the status of a refusal in the trailers. The client still gets the
   * messages that wait for it.
   *
   * @returns false for another request, and when a part of a message was sent: the reply must then be aborted
   */
  endCall(refusal: Denial): boolean
  /**
   * Sends 101, and turns the connection into a WebSocket. Call this method only for a request with a valid WebSocket
   * handshake.
   *
   * @param head      the service's reply, with the fields for the client
   * @param protocol  selected subprotocol; `''` for none
   * @param maxBytes  maximum size of a message of the client, bytes; a larger message ends the WebSocket
   */
  accept(head: ReplyHead, protocol: string, maxBytes: number, listener: ClientSocketListener): ClientSocket
  /** Frees the client-side resources of an exchange whose record has been written. */
  release(): void
  /** Closes the client connection so that the client detects a truncated response. */
  abort(): void
}
