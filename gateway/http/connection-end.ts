import type { Exchange } from '../pipeline/exchange.ts'
import type { Upload } from './upload.ts'
import type { HttpResponse } from './uws.ts'

/**
 * The client's connection as both kinds of reply see it, and how it ends. Every use of `res` after an end or an abort
 * would throw: `over` guards each.
 */
export class ConnectionEnd {
  readonly res: HttpResponse
  exchange!: Exchange
  upload: Upload | undefined
  over = false

  constructor(res: HttpResponse) {
    this.res = res
  }

  /** The connection carries nothing more: asked for, drained, or a request body that was not read to its end. */
  get mustClose(): boolean {
    const { close, gate } = this.exchange
    return close || gate.draining || this.upload?.complete === false || this.endsByItself
  }

  /** uWS takes any five characters in the first `Connection` for `close`: it ends the connection, and does not say so. */
  get endsByItself(): boolean {
    return this.exchange.head.field('connection')?.length === 5
  }

  /**
   * Before the end of a reply that ends its connection. uWS cannot do that after a streamed one: unread, it closes it by
   * itself after the idle time. What is left of an upload with Content-Length is read and dropped: there are clients
   * that read nothing before they have sent all. Behind a chunked one there may be what only seems to be a request, and
   * behind a proxy that passes bytes through the address may be another one.
   */
  letGo(): void {
    const { head, lastOfConnection } = this.exchange
    if (this.upload?.complete === false && !head.chunked && !lastOfConnection) this.upload.drain()
    else this.res.pause()
  }

  /** The reply is complete: uWS takes `res` back, and nobody may touch it any more, nor read the rest of an upload. */
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
