import type { Exchange } from '../pipeline/exchange/exchange.ts'
import type { Upload } from './upload.ts'
import type { HttpResponse } from './uws.ts'

/**
 * Largest rest of a request body that is read before a reply of the gate, bytes. After a larger rest the connection
 * closes, and the client may see a reset instead of the reply (RFC 9112 §9.6).
 */
const REST_MAX_BYTES = 256 * 1024

/**
 * The client connection of an exchange, and how it ends. Any use of `res` after the end or abort of a reply throws, so
 * check `over` before each use.
 */
export class ConnectionEnd {
  readonly res: HttpResponse
  exchange!: Exchange
  upload: Upload | undefined
  over = false

  constructor(res: HttpResponse) {
    this.res = res
  }

  /**
   * True when the client connection must close after the reply. Reasons: the exchange requires it, the node is
   * draining, the request body was not read to its end, or uWebSockets.js closes it itself.
   */
  get mustClose(): boolean {
    const { close, gate } = this.exchange
    return close || gate.draining || this.upload?.complete === false || this.endsByItself
  }

  /**
   * True when uWebSockets.js closes the client connection after the reply without sending `Connection: close`. The
   * cause is any value of five characters in the first `Connection` field, because uWebSockets.js treats each such
   * value as `close`.
   */
  get endsByItself(): boolean {
    return this.exchange.head.field('connection')?.length === 5
  }

  /**
   * Whether a reply of the gate should wait for the rest of the request body. The connection can then serve the next
   * request, and no unread bytes reset it before the client has read the reply. False if the client may wait for the
   * reply before it sends the body, and if the end of the body is not certain.
   */
  get hasSmallRest(): boolean {
    const { upload } = this
    const { head, route, close, lastOfConnection } = this.exchange
    if (upload === undefined || upload.complete || lastOfConnection) return false
    // Do not wait for the body of a request that matches no route: it can be malformed, so the connection closes at
    // once.
    if (close && route === undefined) return false
    if (head.contentLength === undefined || head.field('expect') !== undefined) return false
    return head.contentLength - upload.bytes <= REST_MAX_BYTES
  }

  /**
   * Call this before the end of a reply that ends its connection. uWebSockets.js cannot close the connection after a
   * streamed reply. Instead, the connection is no longer read, and ends by its idle timeout.
   *
   * The rest of an upload with Content-Length is read and discarded, because some clients read no reply before they
   * have sent everything. A chunked upload can be followed by bytes that only look like a request. Behind a TCP proxy,
   * the next bytes can be a forged PROXY header with another address. In these two cases reading is paused instead.
   */
  release(): void {
    const { head, lastOfConnection } = this.exchange
    if (this.upload?.complete === false && !head.chunked && !lastOfConnection) this.upload.drain()
    else this.res.pause()
  }

  /**
   * Marks the reply to the client as complete. After this call, `res` must not be used, and the rest of an upload is
   * discarded.
   */
  finish(): void {
    this.over = true
    this.upload?.discard()
  }

  /** Closes the client connection immediately, before the reply is complete. */
  abort(): void {
    if (this.over) return
    this.over = true
    this.upload?.break()
    this.res.close()
  }
}
