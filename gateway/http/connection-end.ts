import type { Exchange } from '../pipeline/exchange/exchange.ts'
import type { Upload } from './upload.ts'
import type { HttpResponse } from './uws.ts'

/**
 * The client connection of an exchange and how it ends. Any use of `res` after an end or an abort throws, so `over`
 * guards every use.
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
   * True when the connection must close after the reply: the exchange requires it, the node is draining, or the request
   * body was not read to its end.
   */
  get mustClose(): boolean {
    const { close, gate } = this.exchange
    return close || gate.draining || this.upload?.complete === false || this.endsByItself
  }

  /**
   * uWebSockets.js treats any value of five characters in the first `Connection` field as `close`. It then closes the
   * connection after the reply without sending `Connection: close`.
   */
  get endsByItself(): boolean {
    return this.exchange.head.field('connection')?.length === 5
  }

  /**
   * Call this before the end of a reply that ends its connection. uWebSockets.js cannot close the connection after a
   * streamed reply; an unread connection is closed by its idle timeout.
   *
   * The rest of an upload with Content-Length is read and discarded, because some clients read no reply before they
   * have sent everything. A chunked upload may be followed by bytes that only look like a request. Behind a TCP proxy,
   * the next bytes may be a forged PROXY header with another address. In both cases reading is paused instead.
   */
  release(): void {
    const { head, lastOfConnection } = this.exchange
    if (this.upload?.complete === false && !head.chunked && !lastOfConnection) this.upload.drain()
    else this.res.pause()
  }

  /** Marks the reply as complete. From here on uWebSockets.js owns `res`, and the rest of an upload is discarded. */
  finish(): void {
    this.over = true
    this.upload?.discard()
  }

  /** Closes the connection at once. */
  abort(): void {
    if (this.over) return
    this.over = true
    this.upload?.break()
    this.res.close()
  }
}
