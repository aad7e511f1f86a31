import type { ReplyHead } from '../upstream/reply-head.ts'
import type { ConnectionEnd } from './connection-end.ts'

/** Notified when a slow client has read the waiting bytes of a reply. */
export interface BackpressureListener {
  /** Called when the client has read the waiting bytes. */
  onDrained(): void
}

/** Streams the reply of a service to the client, at the speed at which the client reads. */
export class ServiceReply {
  readonly #end: ConnectionEnd
  readonly #listener: BackpressureListener
  readonly #status: number
  readonly #contentLength: number | undefined
  #lines: Buffer | undefined
  /** Body bytes that the service has not delivered yet. */
  #left: number | undefined
  /**
   * Whether the connection closes after this reply. Fixed when the head is sent: without `Connection: close` in the
   * head, the client may expect an open connection. A decision at each chunk would change when a drain begins or an
   * upload ends.
   */
  #closing = false
  /** Part of a body with Content-Length that uWebSockets.js did not accept yet. */
  #unsent: Buffer | undefined
  /** True while uWebSockets.js buffers bytes of `write` that it could not send. */
  #full = false
  #watching = false
  headSent = false
  /** True once the whole reply has arrived from the service. */
  complete = false
  bytesOut = 0

  /**
   * Holds the head until the first body byte or the end arrives. Both are sent in one write, and an upstream that fails
   * in between still gives a clean 502. uWebSockets.js cannot send a head alone: `write('')` sends it without its final
   * CR LF, and `tryEnd('', n)` ends the reply. So the client of a stream sees the status only with the first event: a
   * streaming service should send a comment or an event at once.
   */
  constructor(end: ConnectionEnd, head: ReplyHead, listener: BackpressureListener) {
    this.#end = end
    this.#listener = listener
    this.#status = head.status
    this.#contentLength = head.contentLength
    this.#left = head.contentLength
    this.#lines = head.lines()
  }

  /** RFC 9110 §6.4.1: these replies have no body, whatever their header fields say. */
  get #bodyless(): boolean {
    return this.#end.exchange.head.method === 'HEAD' || this.#status === 204 || this.#status === 304
  }

  /** True while reply bytes wait for the client to read. */
  get held(): boolean {
    return !this.#end.over && (this.#full || this.#unsent !== undefined)
  }

  /** Body bytes that uWebSockets.js has accepted. */
  get taken(): number {
    return this.bytesOut - (this.#unsent?.length ?? 0)
  }

  /** True when the rest of the reply waits for a slow client. `onDrained` is called once it has been sent. */
  get lingers(): boolean {
    return this.#unsent !== undefined && !this.#end.over
  }

  /**
   * Writes the head once.
   *
   * @param whole  true when the reply is sent in one piece
   * @returns whether the connection closes together with that piece; uWebSockets.js then adds `Connection: close`
   *   itself. False while the client still sends: the reset of a connection with unread bytes could overtake the reply.
   */
  #writeHead(whole = false): boolean {
    if (this.headSent) return false
    const { res, exchange, upload, mustClose } = this.#end
    this.headSent = true
    this.#closing = mustClose
    // Status and fields in one piece: every byte was validated when the head was parsed.
    res.writeStatus(this.#lines!)
    this.#lines = undefined
    res.writeHeader('x-request-id', exchange.id)
    for (const [name, value] of exchange.originFields) res.writeHeader(name, value)
    if (exchange.keptPrivate) res.writeHeader('cache-control', 'private')
    // Added as a further line of the same list, because the service may send its own limits (RFC 9651 §3.1).
    if (exchange.rateLimit !== '') {
      res.writeHeader('ratelimit', exchange.rateLimit)
      res.writeHeader('ratelimit-policy', exchange.route!.limits!.policyField)
    }
    const atOnce = whole && mustClose && upload?.complete !== false
    if (mustClose && (!atOnce || this.#end.endsByItself)) res.writeHeader('connection', 'close')
    return atOnce
  }

  /** @returns false when the client reads more slowly than the reply arrives */
  write(chunk: Uint8Array): boolean {
    if (this.#end.over || chunk.length === 0 || this.#bodyless) return true
    if (this.#contentLength === undefined) return this.#writeChunked(chunk)
    // The upstream's parser ends a body at its Content-Length. Additional bytes could be taken for another reply.
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
      // An upstream that has closed still delivers its last bytes, even while it is paused.
      this.#unsent = Buffer.concat([this.#unsent, chunk])
      return false
    }
    const whole = !this.headSent && chunk.length === total
    let rest: Uint8Array | undefined
    this.#end.res.cork(() => {
      const close = this.#writeHead(whole)
      if (this.#left === 0) this.#release()
      if (whole) {
        this.#end.finish()
        this.#end.res.end(chunk, close)
      } else rest = this.#offer(chunk, total)
    })
    if (rest === undefined) return true
    // Copied: the read buffer of the chunk is overwritten by the next read of any service.
    this.#unsent = Buffer.from(rest)
    this.#watch()
    return false
  }

  /** @returns the bytes that were not accepted; `end` and the next chunk wait until they are */
  #offer(chunk: Uint8Array, total: number): Uint8Array | undefined {
    const { res } = this.#end
    const before = res.getWriteOffset()
    const [taken, done] = res.tryEnd(chunk, total)
    if (done) this.#end.finish()
    return done || taken ? undefined : chunk.subarray(res.getWriteOffset() - before)
  }

  #release(): void {
    if (this.#closing) this.#end.release()
  }

  /**
   * Restarts uWebSockets.js's own timeout while the stall detector watches the client. That timeout ends senders below
   * 16 KiB/s. It also ends readers that do not free a third of the kernel's send buffer in time. The buffer may exceed
   * 1 MiB, so even readers at 100 kB/s would fail.
   *
   * @returns false when the reply holds no unsent bytes; the caller then checks the upload
   */
  restartTimeout(): boolean {
    if (this.#unsent === undefined) return false
    this.#end.res.cork(() => this.#tryOn())
    return true
  }

  /** True while uWebSockets.js buffers bytes of `write`. */
  get full(): boolean {
    return this.#full
  }

  /** Continues when the client has read: first with the rest of the last chunk, then by resuming the upstream. */
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
    // uWebSockets.js holds bytes of `write` until the next cork. The service may send nothing for a long time, so cork
    // now.
    if (this.#full) this.#end.res.cork(() => undefined)
    this.#full = false
    if (this.#unsent !== undefined) {
      if (this.#left === 0) this.#release()
      const rest = this.#offer(this.#unsent, this.#contentLength!)
      this.#unsent = rest as Buffer | undefined
      if (rest !== undefined) return false
    }
    this.#listener.onDrained()
    return true
  }

  /**
   * Ends the reply.
   *
   * @returns false when fewer bytes arrived than `Content-Length` announced; the connection was aborted then
   */
  end(): boolean {
    this.complete = true
    if (this.#end.over) return true
    const { res } = this.#end
    if (this.#bodyless) this.#endBodyless()
    else if (this.#left === undefined) {
      res.cork(() => {
        this.#writeHead()
        this.#release()
        this.#end.finish()
        res.end()
      })
    } else if (this.#contentLength === 0) {
      res.cork(() => {
        const close = this.#writeHead(true)
        this.#release()
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
    // 204 and 304 must not have a Content-Length; `endWithoutBody(undefined, …)` would send 2^63.
    const length = this.#status === 204 || this.#status === 304 ? undefined : this.#contentLength
    res.cork(() => {
      const close = this.#writeHead(length !== undefined)
      this.#release()
      this.#end.finish()
      if (length === undefined) res.endWithoutBody()
      else res.endWithoutBody(length, close)
    })
  }
}
