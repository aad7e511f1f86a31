import { STATUS_CODES } from 'node:http'
import type { Readable } from 'node:stream'
import { foldMapped } from '../base/addresses.ts'
import { type Denial, type Field, statusTitles } from '../base/denial.ts'
import { withResourceMetadata } from '../oauth/challenge.ts'
import type { Answer } from '../pipeline/answer.ts'
import type { Downstream } from '../pipeline/downstream.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { InFlight, Patience } from './in-flight.ts'
import { Pace } from './pace.ts'
import { Upload } from './upload.ts'
import type { HttpResponse } from './uws.ts'

/**
 * The client's side of an exchange over uWebSockets.js. The only file that writes replies. Every use of `res` after an
 * end or an abort would throw: `#over` guards each.
 */
export class UwsDownstream implements Downstream {
  readonly #res: HttpResponse
  readonly #inFlight: InFlight
  #over = false
  #upload: Upload | undefined
  #head: ReplyHead | undefined
  #lines: Buffer | undefined
  #headSent = false
  /** Said with the head, and meant from then on: a client that was not told must find its connection open. */
  #closing = false
  #left: number | undefined
  #unsent: Uint8Array | undefined
  #ended = false
  #watching = false
  /** What `write` could not send waits in the listener. */
  #full = false
  /** The client's, while its reply waits for it, while more of its body is awaited. Made by the first look. */
  #reading: Pace | undefined
  #sending: Pace | undefined
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress: Uint8Array | undefined
  exchange!: Exchange
  bytesOut = 0

  constructor(res: HttpResponse, inFlight: InFlight) {
    this.#res = res
    // Read at once: after a reply it is not to be had, and the record wants it.
    this.remoteAddress = foldMapped(new Uint8Array(res.getRemoteAddress()))
    const proxied = res.getProxiedRemoteAddress()
    this.proxiedAddress = proxied.byteLength === 0 ? undefined : foldMapped(new Uint8Array(proxied))
    this.#inFlight = inFlight
  }

  get replying(): boolean {
    return this.#headSent
  }

  get bytesIn(): number {
    return this.#upload?.bytes ?? 0
  }

  get bodyTouched(): boolean {
    return this.#upload?.touched ?? false
  }

  /** Attaches the body in the handler's own tick: what comes with the head is lost otherwise. */
  expectBody(): Upload {
    this.#upload = new Upload(this.#res)
    return this.#upload
  }

  openBody(): Readable | undefined {
    return this.#upload?.open()
  }

  /** The client went away. */
  lost(): void {
    this.#over = true
    this.#upload?.break()
    // A settled one may have stayed for the last bytes of its reply.
    this.#inFlight.delete(this.exchange)
  }

  refuse(denial: Denial, requestId: string, metadataUrl: string): void {
    const fields: Field[] = [
      ['content-type', 'application/problem+json'],
      ['cache-control', 'no-store'],
      ['x-request-id', requestId],
      ...denial.fields,
    ]
    if (denial.challenge !== undefined) {
      fields.push(['www-authenticate', withResourceMetadata(denial.challenge, metadataUrl)])
    }
    this.#reply(denial.status, fields, `${denial.problem}${requestId}"}`)
  }

  answer(answer: Answer, requestId: string): void {
    this.#reply(answer.status, [...answer.fields, ['x-request-id', requestId]], answer.body)
  }

  /**
   * A reply of the gate's own, whole. One that ends the connection leaves after the handler's tick: given at once, uWS
   * would still serve a request that came in the same packet, or take the rest of a chunked body for one.
   */
  #reply(status: number, fields: readonly Field[], body: string): void {
    const close = this.#mustClose()
    this.#upload?.discard()
    const send = (): void => {
      if (this.#over) return
      this.#over = true
      this.#res.cork(() => this.#writeWhole(status, fields, body, close))
    }
    if (close) setImmediate(send)
    else send()
    this.bytesOut = this.exchange.head.method === 'HEAD' ? 0 : Buffer.byteLength(body)
  }

  #writeWhole(status: number, fields: readonly Field[], body: string, close: boolean): void {
    const res = this.#res
    res.writeStatus(`${status} ${statusTitles[status] ?? STATUS_CODES[status] ?? ''}`)
    for (const [name, value] of fields) res.writeHeader(name, value)
    if (close && this.#endsByItself()) res.writeHeader('connection', 'close')
    if (this.exchange.head.method === 'HEAD') res.endWithoutBody(Buffer.byteLength(body), close)
    else res.end(body, close)
  }

  /** The connection carries nothing more: asked for, drained, or a request body that was not read to its end. */
  #mustClose(): boolean {
    const { close, gate } = this.exchange
    return close || gate.draining || this.#upload?.complete === false || this.#endsByItself()
  }

  /** uWS takes any five characters in the first `Connection` for `close`: it ends the connection, and does not say so. */
  #endsByItself(): boolean {
    return this.exchange.head.field('connection')?.length === 5
  }

  /**
   * Keeps the head until the first byte of the body or the end comes: both leave in one write, and an upstream that
   * dies in between is still a clean 502. uWS could not finish a head alone: `write('')` sends it without its end.
   */
  begin(head: ReplyHead): void {
    this.#head = head
    this.#lines = head.lines()
    this.#left = head.contentLength
  }

  /** RFC 9110 §6.4.1: these have no body, whatever their fields say. */
  #bodyless(): boolean {
    return this.exchange.head.method === 'HEAD' || this.#head!.status === 204 || this.#head!.status === 304
  }

  /**
   * @param whole  the reply leaves in one piece
   * @returns whether the connection is to end with that piece: uWS says so then by itself. Not while the client still
   *   sends, since the reset of a connection with unread bytes can overtake the reply.
   */
  #writeHead(whole = false): boolean {
    if (this.#headSent) return false
    const res = this.#res
    this.#headSent = true
    this.#closing = this.#mustClose()
    // Status and fields in one piece: what it is made of was checked byte by byte when it came in.
    res.writeStatus(this.#lines!)
    this.#lines = undefined
    res.writeHeader('x-request-id', this.exchange.id)
    const atOnce = whole && this.#closing && this.#upload?.complete !== false
    if (this.#closing && (!atOnce || this.#endsByItself())) res.writeHeader('connection', 'close')
    return atOnce
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over || chunk.length === 0) return true
    if (this.#bodyless()) return true
    const total = this.#head!.contentLength
    if (total === undefined) return this.#writeChunked(chunk)
    // The upstream's parser ends a body at its length; more would be a second reply for somebody.
    this.#left! -= chunk.length
    return this.#writeSized(chunk, total)
  }

  #writeChunked(chunk: Uint8Array): boolean {
    let room = true
    this.#res.cork(() => {
      this.#writeHead()
      room = this.#res.write(chunk)
    })
    this.bytesOut += chunk.length
    this.#full = !room
    if (!room) this.#watch()
    return room
  }

  #writeSized(chunk: Uint8Array, total: number): boolean {
    this.bytesOut += chunk.length
    if (this.#unsent !== undefined) {
      // An upstream that closed has its last bytes delivered, held or not.
      this.#unsent = Buffer.concat([this.#unsent, chunk])
      return false
    }
    const whole = !this.#headSent && chunk.length === total
    let room = true
    this.#res.cork(() => {
      const close = this.#writeHead(whole)
      if (this.#left === 0) this.#letGo()
      if (whole) {
        this.#finish()
        this.#res.end(chunk, close)
        return
      }
      const before = this.#res.getWriteOffset()
      const [taken, done] = this.#res.tryEnd(chunk, total)
      if (done) this.#finish()
      else if (!taken) {
        // Only a part was taken; `end` and the next chunk wait for the rest.
        this.#unsent = Buffer.from(chunk.subarray(this.#res.getWriteOffset() - before))
        room = false
      }
    })
    if (!room) this.#watch()
    return room
  }

  /**
   * Before the end of a reply that ends its connection. uWS cannot do that after a streamed one: unread, it closes it by
   * itself after the idle time. What is left of an upload with Content-Length is read and dropped: there are clients
   * that read nothing before they have sent all. Behind a chunked one there may be what only seems to be a request, and
   * behind a proxy that passes bytes through the address may be another one.
   */
  #letGo(): void {
    if (!this.#closing) return
    const { head, lastOfConnection } = this.exchange
    if (this.#upload?.complete === false && !head.chunked && !lastOfConnection) this.#upload.drain()
    else this.#res.pause()
  }

  /** The reply is complete: uWS takes `res` back, and nobody may touch it any more, nor read the rest of an upload. */
  #finish(): void {
    this.#over = true
    this.#upload?.discard()
  }

  /** Bytes of the reply wait for the client to read. */
  get #held(): boolean {
    return !this.#over && (this.#full || this.#unsent !== undefined)
  }

  /** Looks, a few times a second, whether the client keeps up. @returns what to end the exchange for */
  look({ sweeps, bytes }: Patience): 'reader-stalled' | 'upload-stalled' | undefined {
    if (this.#held) {
      const taken = this.bytesOut - (this.#unsent?.length ?? 0)
      this.#reading ??= new Pace(taken)
      if (this.#reading.look(taken, bytes) > sweeps) return 'reader-stalled'
    } else this.#reading = undefined
    if (!this.#over && this.#upload?.awaited === true) {
      this.#sending ??= new Pace(this.#upload.bytes)
      if (this.#sending.look(this.#upload.bytes, bytes) > sweeps) return 'upload-stalled'
    } else this.#sending = undefined
    return undefined
  }

  /**
   * Keeps the listener's own timer off where `look` judges. It ends senders below 16 KiB/s, and readers that do not free a
   * third of the kernel's buffer in time, which can be more than a megabyte: nobody could read 100 kB/s.
   */
  nudge(): void {
    if (this.#over) return
    if (this.#unsent !== undefined) this.#res.cork(() => this.#tryOn())
    else if ((this.#full || this.#upload?.awaited === true) && this.#upload?.paused !== true) {
      // `resume` alone would poll this socket for what the last one paused was polled for.
      this.#res.pause()
      this.#res.resume()
    }
  }

  /** Goes on when the client has read: first what is left of the last chunk, then the upstream. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#res.onWritable(() => this.#tryOn())
  }

  #tryOn(): boolean {
    try {
      return this.#onWritable()
    } catch {
      this.abort()
      return true
    }
  }

  #onWritable(): boolean {
    if (this.#over) return true
    // The listener keeps what `write` could not send until it is corked again, and the service may be silent for long.
    if (this.#full) this.#res.cork(() => undefined)
    this.#full = false
    if (this.#unsent !== undefined) {
      if (this.#left === 0) this.#letGo()
      const before = this.#res.getWriteOffset()
      const [taken, done] = this.#res.tryEnd(this.#unsent, this.#head!.contentLength!)
      if (done) this.#finish()
      else if (!taken) {
        this.#unsent = this.#unsent.subarray(this.#res.getWriteOffset() - before)
        return false
      }
      this.#unsent = undefined
    }
    if (this.#over && this.#ended) this.#inFlight.delete(this.exchange)
    else this.exchange.call?.resume()
    return true
  }

  end(): boolean {
    this.#ended = true
    if (this.#over) return true
    if (this.#bodyless()) {
      this.#endBodyless()
      return true
    }
    if (this.#left === undefined) {
      this.#res.cork(() => {
        this.#writeHead()
        this.#letGo()
        this.#finish()
        this.#res.end()
      })
      return true
    }
    if (this.#head!.contentLength === 0) {
      this.#res.cork(() => {
        const close = this.#writeHead(true)
        this.#letGo()
        this.#finish()
        this.#res.end('', close)
      })
      return true
    }
    if (this.#left === 0) return true
    this.abort()
    return false
  }

  #endBodyless(): void {
    const { status, contentLength } = this.#head!
    // For 204 and 304 no length may be said; `endWithoutBody(undefined, …)` would send 2^63.
    const length = status === 204 || status === 304 ? undefined : contentLength
    this.#res.cork(() => {
      const close = this.#writeHead(length !== undefined)
      this.#letGo()
      this.#finish()
      if (length === undefined) this.#res.endWithoutBody()
      else this.#res.endWithoutBody(length, close)
    })
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#upload?.break()
    this.#res.close()
  }

  release(): void {
    // A reply whose last bytes still wait for a slow client is in flight until they are out.
    if (this.#unsent === undefined || this.#over) this.#inFlight.delete(this.exchange)
  }
}
