import { writeGateFields } from '../pipeline/exchange/reply-fields.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { ConnectionEnd } from './connection-end.ts'

/** Receives a call when a slow client has read the waiting bytes of a reply. */
export interface BackpressureListener {
  /** Called when the client has read the waiting bytes of the reply. */
  onDrained(): void
}

/** Streams the reply of a service to the client, at the speed at which the client reads. */
export class ServiceReply {
  readonly #end: ConnectionEnd
  readonly #listener: BackpressureListener
  readonly #status: number
  readonly #contentLength: number | undefined
  #lines: Buffer | undefined
  /** Number of body bytes that the service still has to send; `undefined` for a reply without Content-Length. */
  #left: number | undefined
  /**
   * Whether the connection closes after this reply. Decided when the head is sent: without `Connection: close` in the
   * head, the client expects an open connection. A later decision could differ, because a drain of the node can begin or
   * an upload can end meanwhile.
   */
  #closing = false
  /** Part of a reply body with Content-Length that uWebSockets.js has not accepted yet. */
  #unsent: Buffer | undefined
  /** True while uWebSockets.js buffers bytes of a chunked reply that it could not send yet. */
  #full = false
  #watching = false
  headSent = false
  /** True once the whole reply of the service has arrived. */
  complete = false
  bytesOut = 0

  /**
   * Does not send the head before the first body byte or the end of the reply arrives. Head and first bytes are then
   * sent in one write, and the gate can still reply 502 when the upstream fails in between. uWebSockets.js cannot send
   * a head alone: `write('')` sends the head without its final CR LF, and `tryEnd('', n)` ends the reply. Therefore the
   * client of a stream sees the status only with the first event. A streaming service should send a comment or an event
   * immediately.
   */
  constructor(end: ConnectionEnd, head: ReplyHead, listener: BackpressureListener) {
    this.#end = end
    this.#listener = listener
    this.#status = head.status
    this.#contentLength = head.contentLength
    this.#left = head.contentLength
    this.#lines = head.lines()
  }

  /**
   * True for a reply that has no body, even with a Content-Length: a reply to HEAD, or with status 204 or 304 (RFC 9110
   * §6.4.1).
   */
  get #bodyless(): boolean {
    return this.#end.exchange.head.method === 'HEAD' || this.#status === 204 || this.#status === 304
  }

  /** True while bytes of the reply wait for the client to read. */
  get held(): boolean {
    return !this.#end.over && (this.#full || this.#unsent !== undefined)
  }

  /** Number of reply body bytes that uWebSockets.js has accepted. */
  get taken(): number {
    return this.bytesOut - (this.#unsent?.length ?? 0)
  }

  /**
   * True while the rest of a reply with Content-Length waits for a slow client. `onDrained` is called after the rest
   * was sent.
   */
  get lingers(): boolean {
    return this.#unsent !== undefined && !this.#end.over
  }

  /**
   * Writes the head of the reply. Does nothing after the first call.
   *
   * @param whole  true when head and body are sent in one write
   * @returns true when the connection closes together with that write; uWebSockets.js then adds `Connection: close`
   * itself. False while the client still sends a request body: the reset of a connection with unread bytes could arrive
   * before the reply.
   */
  #writeHead(whole = false): boolean {
    if (this.headSent) return false
    const { res, exchange, upload, mustClose } = this.#end
    this.headSent = true
    this.#closing = mustClose
    // Write status and header fields of the reply as one buffer: every byte was validated when the head was parsed.
    res.writeStatus(this.#lines!)
    this.#lines = undefined
    writeGateFields(exchange, res)
    const atOnce = whole && mustClose && upload?.complete !== false
    if (mustClose && (!atOnce || this.#end.endsByItself)) res.writeHeader('connection', 'close')
    return atOnce
  }

  /** @returns false when the client reads more slowly than the service sends; the caller must pause the service */
  write(chunk: Uint8Array): boolean {
    if (this.#end.over || chunk.length === 0 || this.#bodyless) return true
    if (this.#contentLength === undefined) return this.#writeChunked(chunk)
    // Subtract without a check of the size: the upstream's HTTP parser ends a body at its Content-Length, so `#left`
    // cannot become negative. A client could take additional bytes for another reply.
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
      // Accept bytes after a pause: an upstream that has closed its connection still delivers its last bytes, even
      // while it is paused.
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
    // Copy the bytes of the chunk: the read buffer of the chunk is overwritten by the next read from any service.
    this.#unsent = Buffer.from(rest)
    this.#watch()
    return false
  }

  /**
   * @returns the bytes that uWebSockets.js did not accept; `undefined` when it accepted all. Until these bytes are
   * accepted, neither the next chunk nor the end of the reply is sent
   */
  #offer(chunk: Uint8Array, total: number): Uint8Array | undefined {
    const { res } = this.#end
    const before = res.getWriteOffset()
    const [taken, done] = res.tryEnd(chunk, total)
    if (done) this.#end.finish()
    return done || taken ? undefined : chunk.subarray(res.getWriteOffset() - before)
  }

  /** Must be called before the end of a reply, for a connection that closes after the reply. */
  #release(): void {
    if (this.#closing) this.#end.release()
    else this.#end.upload?.readNext()
  }

  /**
   * Restarts the built-in timeout of uWebSockets.js, so that only the stall detector ends slow clients. The built-in
   * timeout ends senders below 16 KiB/s. It also ends readers that do not free a third of the kernel's send buffer in
   * time. The buffer can exceed 1 MiB, so that even readers at 100 kB/s would fail.
   *
   * @returns false when the reply has no unsent bytes or the stream is held (paused); the timeout is then unchanged
   */
  restartTimeout(): boolean {
    if (this.#unsent === undefined || this.#end.exchange.stream?.held === true) return false
    this.#end.res.cork(() => this.#tryOn())
    return true
  }

  /**
   * Calls `#tryOn` when the client has read the waiting bytes of the reply. `#tryOn` sends the rest of the last chunk,
   * then resumes the upstream.
   */
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

  /**
   * Sends the waiting bytes of the reply after the reply was held.
   *
   * @returns false while bytes wait for the client
   */
  continue(): boolean {
    if (this.#end.over || this.#unsent === undefined) return !this.held
    this.#end.res.cork(() => this.#tryOn())
    return !this.held
  }

  #onWritable(): boolean {
    if (this.#end.over) return true
    // Send nothing: a stream that must not be relayed now keeps its unsent bytes. `continue` sends them when relaying
    // is allowed again.
    if (this.#unsent !== undefined && this.#end.exchange.stream?.mayRelay() === false) return true
    // Call `cork` now to send the waiting bytes: uWebSockets.js keeps bytes of `write` until the next call of `cork`.
    // The service could send nothing for a long time.
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
   * Ends the reply to the client.
   *
   * @returns false when the service sent fewer bytes than `Content-Length` announced; the connection was aborted then
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
    // End without a Content-Length: replies 204 and 304 must have no Content-Length. `endWithoutBody(undefined, …)`
    // would send 2^63.
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
