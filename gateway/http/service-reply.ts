import type { ReplyHead } from '../upstream/reply-head.ts'
import type { ConnectionEnd } from './connection-end.ts'

/** Who waits for the client to read. */
export interface Waiting {
  /** The client has read what waited for it. */
  readOn(): void
}

/** The reply of a service on its way to the client, as fast as the client reads. */
export class ServiceReply {
  readonly #end: ConnectionEnd
  readonly #waiting: Waiting
  readonly #status: number
  readonly #contentLength: number | undefined
  #lines: Buffer | undefined
  /** Of the body, still to come. */
  #left: number | undefined
  /** Said with the head, and meant from then on: a client that was not told must find its connection open. */
  #closing = false
  /** A part of a chunk that was not taken. */
  #unsent: Buffer | undefined
  /** What `write` could not send waits in the listener. */
  #full = false
  #watching = false
  headSent = false
  /** All of the reply is here. */
  complete = false
  bytesOut = 0

  /**
   * Keeps the head until the first byte of the body or the end comes: both leave in one write, and an upstream that
   * dies in between is still a clean 502. uWS could not finish a head alone: `write('')` sends it without its end.
   */
  constructor(end: ConnectionEnd, head: ReplyHead, waiting: Waiting) {
    this.#end = end
    this.#waiting = waiting
    this.#status = head.status
    this.#contentLength = head.contentLength
    this.#left = head.contentLength
    this.#lines = head.lines()
  }

  /** RFC 9110 §6.4.1: these have no body, whatever their fields say. */
  get #bodyless(): boolean {
    return this.#end.exchange.head.method === 'HEAD' || this.#status === 204 || this.#status === 304
  }

  /** Bytes wait for the client to read. */
  get held(): boolean {
    return !this.#end.over && (this.#full || this.#unsent !== undefined)
  }

  /** Bytes of the body that the listener has taken. */
  get taken(): number {
    return this.bytesOut - (this.#unsent?.length ?? 0)
  }

  /** What is left waits for a slow client, and `readOn` is called once it is out. */
  get lingers(): boolean {
    return this.#unsent !== undefined && !this.#end.over
  }

  /**
   * @param whole  the reply leaves in one piece
   * @returns whether the connection is to end with that piece: uWS says so then by itself. Not while the client still
   *   sends, since the reset of a connection with unread bytes can overtake the reply.
   */
  #writeHead(whole = false): boolean {
    if (this.headSent) return false
    const { res, exchange, upload, mustClose } = this.#end
    this.headSent = true
    this.#closing = mustClose
    // Status and fields in one piece: what it is made of was checked byte by byte when it came in.
    res.writeStatus(this.#lines!)
    this.#lines = undefined
    res.writeHeader('x-request-id', exchange.id)
    for (const [name, value] of exchange.originFields) res.writeHeader(name, value)
    if (exchange.keptPrivate) res.writeHeader('cache-control', 'private')
    // A further line of the same list, where the service has limits too (RFC 9651 §3.1).
    if (exchange.rateLimit !== '') {
      res.writeHeader('ratelimit', exchange.rateLimit)
      res.writeHeader('ratelimit-policy', exchange.route!.limits!.policyField)
    }
    const atOnce = whole && mustClose && upload?.complete !== false
    if (mustClose && (!atOnce || this.#end.endsByItself)) res.writeHeader('connection', 'close')
    return atOnce
  }

  /** @returns false when the client reads slower than this */
  write(chunk: Uint8Array): boolean {
    if (this.#end.over || chunk.length === 0 || this.#bodyless) return true
    if (this.#contentLength === undefined) return this.#writeChunked(chunk)
    // The upstream's parser ends a body at its length; more would be a second reply for somebody.
    this.#left! -= chunk.length
    return this.#writeSized(chunk, this.#contentLength)
  }

  #writeChunked(chunk: Uint8Array): boolean {
    const { res } = this.#end
    let room = true
    res.cork(() => {
      this.#writeHead()
      room = res.write(chunk)
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
    const whole = !this.headSent && chunk.length === total
    let rest: Uint8Array | undefined
    this.#end.res.cork(() => {
      const close = this.#writeHead(whole)
      if (this.#left === 0) this.#letGo()
      if (whole) {
        this.#end.finish()
        this.#end.res.end(chunk, close)
      } else rest = this.#offer(chunk, total)
    })
    if (rest === undefined) return true
    // A copy: the chunk lies where the next one of any service will.
    this.#unsent = Buffer.from(rest)
    this.#watch()
    return false
  }

  /** @returns what of it was not taken; `end` and the next chunk wait for that */
  #offer(chunk: Uint8Array, total: number): Uint8Array | undefined {
    const { res } = this.#end
    const before = res.getWriteOffset()
    const [taken, done] = res.tryEnd(chunk, total)
    if (done) this.#end.finish()
    return done || taken ? undefined : chunk.subarray(res.getWriteOffset() - before)
  }

  #letGo(): void {
    if (this.#closing) this.#end.letGo()
  }

  /**
   * Keeps the listener's own timer off while there is somebody to judge the client. It ends senders below 16 KiB/s, and
   * readers that do not free a third of the kernel's buffer in time, which can be more than a megabyte: nobody could read
   * 100 kB/s.
   *
   * @returns whether it did: else an upload is to be looked after
   */
  nudge(): boolean {
    if (this.#unsent === undefined) return false
    this.#end.res.cork(() => this.#tryOn())
    return true
  }

  /** `write` had no room. */
  get full(): boolean {
    return this.#full
  }

  /** Goes on when the client has read: first what is left of the last chunk, then the upstream. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#end.res.onWritable(() => this.#tryOn())
  }

  #tryOn(): boolean {
    try {
      return this.#onWritable()
    } catch {
      this.#end.abort()
      return true
    }
  }

  #onWritable(): boolean {
    if (this.#end.over) return true
    // The listener keeps what `write` could not send until it is corked again, and the service may be silent for long.
    if (this.#full) this.#end.res.cork(() => undefined)
    this.#full = false
    if (this.#unsent !== undefined) {
      if (this.#left === 0) this.#letGo()
      const rest = this.#offer(this.#unsent, this.#contentLength!)
      this.#unsent = rest as Buffer | undefined
      if (rest !== undefined) return false
    }
    this.#waiting.readOn()
    return true
  }

  /** @returns false when fewer bytes came than `Content-Length` said: the reply was ended as broken */
  end(): boolean {
    this.complete = true
    if (this.#end.over) return true
    const { res } = this.#end
    if (this.#bodyless) this.#endBodyless()
    else if (this.#left === undefined) {
      res.cork(() => {
        this.#writeHead()
        this.#letGo()
        this.#end.finish()
        res.end()
      })
    } else if (this.#contentLength === 0) {
      res.cork(() => {
        const close = this.#writeHead(true)
        this.#letGo()
        this.#end.finish()
        res.end('', close)
      })
    } else if (this.#left !== 0) {
      this.#end.abort()
      return false
    }
    return true
  }

  #endBodyless(): void {
    const { res } = this.#end
    // For 204 and 304 no length may be said; `endWithoutBody(undefined, …)` would send 2^63.
    const length = this.#status === 204 || this.#status === 304 ? undefined : this.#contentLength
    res.cork(() => {
      const close = this.#writeHead(length !== undefined)
      this.#letGo()
      this.#end.finish()
      if (length === undefined) res.endWithoutBody()
      else res.endWithoutBody(length, close)
    })
  }
}
