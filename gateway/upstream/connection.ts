import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'
import { GatewayFault } from '../base/fault.ts'
import { ChunkedBody } from './chunked-body.ts'
import { HeadBuffer } from './head-buffer.ts'
import type { Http1Call } from './http1-call.ts'
import { isLoss } from './is-loss.ts'
import { MalformedReply } from './malformed-reply.ts'
import { pendingSends } from './pending-sends.ts'
import { type ParsedReply, parseReply } from './reply-parser.ts'
import { type BodyKeeper, RequestBody } from './request-body.ts'
import type { Sweep } from './sweep.ts'
import { HEAD_MAX_BYTES } from './target.ts'
import { handshakeFault } from './tls/handshake-fault.ts'
import { type SeenCertificate, seenCertificate } from './tls/seen-certificate.ts'

/**
 * Read buffer that all connections share, 64 KiB. The next read of any connection overwrites its contents. A buffer per
 * connection would cost 1 MiB for 16 connections and 25 % of the time of a large reply.
 */
const shared = Buffer.allocUnsafeSlow(64 * 1024)

/** Idle time before TCP keep-alive probes start, ms. */
const PROBE_AFTER_MS = 60_000

/** The pool that owns a connection. */
export interface ConnectionKeeper {
  /** Origin and address, for error messages. */
  readonly text: string
  readonly address: TcpNetConnectOpts
  /** TLS options for an https upstream, with the session of the latest connection; `undefined` for plain HTTP. */
  readonly tls: ConnectionOptions | undefined
  /** Longest time to establish a connection, TLS handshake included, ms. */
  readonly connectMs: number
  readonly sweep: Sweep
  /**
   * Called with a TLS session that the next connection can resume.
   *
   * @param validUntilMs  end of the validity of the upstream's certificate, ms since the epoch. The session must not be
   *   resumed after this time, because a resumed session is not verified again
   */
  resumable(session: Buffer, validUntilMs: number): void
  /** Called with the certificate of the upstream in a new TLS handshake, valid or not. */
  presented(certificate: SeenCertificate): void
  /** Called when a connection has opened. @param address  address of the upstream on this connection */
  readonly onConnect?: ((address: string) => void) | undefined
  /** Called when a connection to the upstream could not be established. */
  unreachable(): void
  /** Called when the head of a reply from the upstream has arrived. */
  answered(status: number): void
  /** Called when a call got no complete reply, because its connection was lost or a timeout ended it. */
  broke(): void
  /**
   * Called when an exchange has ended and the connection can be reused.
   *
   * @param keepAliveS  idle time that the service announced in `Keep-Alive`, s; `undefined` when it announced none
   */
  free(connection: UpstreamConnection, keepAliveS: number | undefined): void
  closed(connection: UpstreamConnection): void
}

/**
 * Maximum wait after the gate has ended a connection that switched protocols, until the service closes the connection,
 * ms.
 */
const CLOSE_MS = 1000

/** Size below which a request body can arrive with its head, bytes. */
const SMALL_BYTES = 16 * 1024

/**
 * Whether a request waits for the end of the poll phase. A chunked or large upload does not wait: its client would be
 * paused meanwhile, and the gate does not notice when a paused client disconnects.
 */
function isSentLater({ body, head }: Http1Call): boolean {
  const length = head?.contentLength
  return body === undefined || (length !== undefined && length < SMALL_BYTES)
}

/** Stages of a call. `queued`: the head of the request waits in `pendingSends`. */
const Stage = { queued: 0, head: 1, length: 2, chunked: 3, untilClose: 4, switched: 5 } as const
type Stage = (typeof Stage)[keyof typeof Stage]

/**
 * One HTTP/1.1 connection to a service, which carries one exchange at a time. The connection is reused only if the
 * reply is complete, the request is fully written, no surplus byte arrived, and both sides allow reuse. The connection
 * is closed when a byte or the end of the stream arrives while it is idle.
 */
export class UpstreamConnection implements BodyKeeper {
  readonly #keeper: ConnectionKeeper
  readonly #socket: Socket
  #open = false
  /** Certificate of the upstream; `undefined` before the handshake, and without TLS. */
  #peer: SeenCertificate | undefined
  /** True once the connection has been idle in the pool. */
  #used = false
  /** True while the connection opens without a call. */
  #isWarming = false
  #call: Http1Call | undefined
  #body: RequestBody | undefined
  #stage: Stage = Stage.head
  /** True once the first byte of the current reply has arrived. */
  #answered = false
  /** True once the whole request has been passed to the socket. */
  #sent = false
  #persistent = false
  #keepAliveS: number | undefined
  #held: HeadBuffer | undefined
  #left = 0
  #chunks: ChunkedBody | undefined
  #paused = false
  /** True when the gate has ended the connection and waits until the service closes the connection. */
  #closing = false
  /** Number of the sweep (one every 250 ms) at which the current wait times out; 0 when no deadline is set. */
  #deadline = 0

  constructor(keeper: ConnectionKeeper) {
    this.#keeper = keeper
    const options = {
      ...keeper.address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
      onread: { buffer: shared, callback: (size: number) => this.#read(size) },
    }
    const socket = keeper.tls === undefined ? connect(options) : connectTls({ ...options, ...keeper.tls })
    this.#socket = socket
    socket.on(keeper.tls === undefined ? 'connect' : 'secureConnect', () => this.#opened())
    if (socket instanceof TLSSocket) this.#observe(socket)
    socket.on('drain', () => this.#drained())
    socket.on('end', () => this.#ended())
    socket.on('error', (error) => this.#broken(error))
    socket.on('close', () => {
      this.#broken(new Error('closed'))
      keeper.sweep.delete(this)
      keeper.closed(this)
    })
    keeper.sweep.add(this)
  }

  #observe(socket: TLSSocket): void {
    // Add this listener before that of Node.js for the same event, which verifies the certificate: an invalid
    // certificate cannot be read after the verification.
    socket.prependListener('secure', () => {
      this.#peer = seenCertificate(socket)
      if (this.#peer !== undefined && !socket.isSessionReused()) this.#keeper.presented(this.#peer)
    })
    socket.on('session', (session: Buffer) => {
      if (this.#peer !== undefined) this.#keeper.resumable(session, this.#peer.validUntilMs)
    })
  }

  /** False once the socket is being closed. The socket's `close` event can follow one event-loop turn later. */
  get usable(): boolean {
    return !this.#socket.destroyed
  }

  /**
   * Sends the request of a call: immediately when the connection is open, otherwise as soon as the connection opens.
   */
  run(call: Http1Call): void {
    this.#call = call
    call.connection = this
    this.#stage = Stage.queued
    this.#answered = false
    this.#sent = false
    if (this.#open) {
      if (isSentLater(call)) pendingSends.add(this, call)
      else this.send(call)
    } else this.#deadline = this.#keeper.sweep.after(this.#keeper.connectMs)
  }

  /** Opens the connection for a later call. */
  warm(): void {
    this.#isWarming = true
    this.#deadline = this.#keeper.sweep.after(this.#keeper.connectMs)
  }

  #opened(): void {
    this.#open = true
    const { onConnect } = this.#keeper
    if (onConnect !== undefined) onConnect(this.#socket.remoteAddress ?? '')
    const call = this.#call
    if (this.#isWarming) {
      this.#isWarming = false
      this.#free(undefined)
    }
    if (call === undefined) return
    call.listener.onOpen()
    if (this.#call === call) this.send(call)
  }

  send(call: Http1Call): void {
    if (this.#call !== call) return
    this.#stage = Stage.head
    const { text, contentLength } = call.head!
    // Take no body without Content-Length: the head announces chunks.
    const body = contentLength === undefined ? undefined : call.body?.takeWhole?.(contentLength)
    if (call.body === undefined || body !== undefined) {
      // Append a small body to the head: one string is cheaper than a write of two parts.
      this.#socket.write(body === undefined ? text : text + body.toString('latin1'), 'latin1')
      this.#sent = true
      call.sent()
      this.#deadline = this.#keeper.sweep.after(call.timeouts.firstByteMs)
    } else {
      this.#body = new RequestBody(this.#socket, call.body, this)
      this.#body.start(call.head!)
    }
  }

  bodySent(): void {
    this.#sent = true
    if (this.#stage === Stage.head) this.#call?.sent()
    this.bodyHeld()
  }

  bodyHeld(): void {
    // Set no time limit for the first byte if the reply began before the request was sent completely: the idle timeout
    // of the reply's body applies.
    if (this.#stage === Stage.head) this.#deadline = this.#keeper.sweep.after(this.#call!.timeouts.firstByteMs)
  }

  bodyAwaited(): void {
    // Set no deadline while the client sends its body: the client side of the exchange limits how long a client can
    // stall.
    if (this.#stage === Stage.head) this.#deadline = 0
  }

  bodyFailed(body: RequestBody, fault: GatewayFault): void {
    if (this.#body === body) this.#fail(fault)
  }

  #drained(): void {
    if (this.#stage === Stage.switched) this.#call?.upgrade?.drained()
    if (this.#call === undefined || this.#body === undefined) return
    if (this.#sent) this.bodyHeld()
    else this.#body.drained()
  }

  /** Handles bytes that arrived from the service. @returns false to stop reading until `resume` */
  #read(size: number): boolean {
    const call = this.#call
    if (call === undefined) {
      // Read and discard the bytes while the connection is being closed. Closing with unread bytes would reset the
      // connection, and the service could lose the last frame.
      if (this.#closing) return true
      // Close an idle connection on which bytes arrive: no request asked for them.
      this.destroy()
      return false
    }
    if (this.#stage === Stage.queued) {
      // Bytes on a connection that has not sent its request belong to no request.
      this.#broken(new Error('the service sent bytes before the request'))
      return false
    }
    this.#answered = true
    call.reads++
    try {
      if (this.#stage === Stage.head) this.#readHead(call, size)
      else if (this.#stage === Stage.switched) call.upgrade!.read(shared, 0, size)
      else this.#readBody(call, shared, 0, size)
    } catch (error) {
      if (error instanceof MalformedReply) this.#fail(this.#faultOf(error))
      else
        this.#fail(
          new GatewayFault('node-fault', 'node', `relaying the reply of the service failed: ${error}`, {
            cause: error,
          }),
        )
    }
    return !this.#paused
  }

  #readHead(call: Http1Call, size: number): void {
    let bytes = shared
    let to = size
    if (this.#held !== undefined) {
      if (!this.#held.add(shared, size)) return
      bytes = this.#held.bytes
      to = this.#held.size
    }
    let from = 0
    for (;;) {
      const parsed = parseReply(bytes, from, to)
      if ((parsed?.end ?? to) - from > HEAD_MAX_BYTES) throw new MalformedReply('the reply head is larger than 64 KiB')
      if (parsed === undefined) {
        this.#held ??= new HeadBuffer()
        this.#held.keep(bytes, from, to)
        return
      }
      from = parsed.end
      const { status } = parsed.head
      if (status >= 200) {
        this.#held = undefined
        this.#begin(call, parsed, bytes, to)
        return
      }
      if (status === 101) {
        this.#switch(call, parsed, bytes, to)
        return
      }
      // Discard interim replies (1xx): the gate's HTTP server cannot send them to the client.
    }
  }

  /** From here on the bytes belong to the protocol of the upgrade, in both directions. */
  #switch({ upgrade }: Http1Call, { head, end }: ParsedReply, bytes: Buffer, to: number): void {
    if (upgrade === undefined)
      throw new MalformedReply('the service replied 101 Switching Protocols to a request without an upgrade')
    const protocol = upgrade.accept(head)
    this.#held = undefined
    this.#keeper.answered(head.status)
    this.#stage = Stage.switched
    this.#deadline = 0
    upgrade.begin(head, protocol)
    if (end < to && this.#call?.upgrade === upgrade) upgrade.read(bytes, end, to)
  }

  #begin(
    call: Http1Call,
    { head, end, chunked, persistent, keepAliveS }: ParsedReply,
    bytes: Buffer,
    to: number,
  ): void {
    const { status, contentLength } = head
    this.#keeper.answered(status)
    call.answered()
    this.#keepAliveS = keepAliveS
    // RFC 9110 §6.4.1: a reply to HEAD and a reply with 204 or 304 have no body, whatever their header fields say.
    const empty = call.bodyless || status === 204 || status === 304 || contentLength === 0
    // Do not reuse such a connection if the reply announces a body: some services send the body nevertheless, perhaps
    // later, and the next exchange would read it as its reply.
    const announced = chunked || (contentLength !== undefined && contentLength > 0)
    this.#persistent = persistent && !(empty && announced)
    if (empty) this.#left = 0
    else if (chunked) this.#chunks = new ChunkedBody()
    else this.#left = contentLength ?? 0
    this.#stage = empty || contentLength !== undefined ? Stage.length : chunked ? Stage.chunked : Stage.untilClose
    head.fleeting = bytes === shared && !empty && (end === to || chunked)
    call.listener.onHead(head)
    if (this.#call !== call) return
    // Set the deadline after `onHead`, because the listener may have changed `idleMs` in it.
    this.#deadline = this.#keeper.sweep.after(call.idleMs)
    if (empty) this.#complete(call, end < to)
    else if (end < to) this.#readBody(call, bytes, end, to)
  }

  #readBody(call: Http1Call, bytes: Buffer, from: number, to: number): void {
    this.#deadline = this.#keeper.sweep.after(call.idleMs)
    if (this.#stage === Stage.chunked) {
      const chunks = this.#chunks!
      const end = chunks.decode(bytes, from, to)
      if (chunks.dataTo > chunks.dataFrom && !this.#pass(call, bytes, chunks.dataFrom, chunks.dataTo)) return
      if (chunks.complete) this.#complete(call, end < to)
    } else if (this.#stage === Stage.length) {
      const end = from + Math.min(this.#left, to - from)
      this.#left -= end - from
      if (this.#pass(call, bytes, from, end) && this.#left === 0) this.#complete(call, end < to)
    } else this.#pass(call, bytes, from, to)
  }

  /** Passes reply data to the listener. @returns whether the call continues */
  #pass(call: Http1Call, bytes: Buffer, from: number, to: number): boolean {
    const room = call.listener.onData(bytes.subarray(from, to))
    if (this.#call !== call) return false
    if (!room) {
      this.#paused = true
      // Set no deadline while the client's back-pressure pauses the reply.
      this.#deadline = 0
    }
    return true
  }

  #complete(call: Http1Call, surplus: boolean): void {
    const reusable = this.#persistent && !surplus && this.#sent
    const keepAliveS = this.#keepAliveS
    // Treat a request without a body as sent: it is a small head, which was written in one call. Over TLS, the reply
    // can arrive before the socket reports that the head was sent.
    const written = call.body === undefined || this.#socket.writableLength === 0
    this.#leave()
    if (!reusable) this.destroy()
    else if (written) this.#free(keepAliveS)
    else setImmediate(() => (this.#socket.writableLength === 0 ? this.#free(keepAliveS) : this.destroy()))
    if (call.end()) call.listener.onEnd()
  }

  #free(keepAliveS: number | undefined): void {
    this.#used = true
    if (this.usable) this.#keeper.free(this, keepAliveS)
  }

  /** Separates the finished exchange from the connection, so that the next exchange sees none of its state. */
  #leave(): void {
    this.#call = undefined
    this.#deadline = 0
    this.#paused = false
    this.#chunks = undefined
    this.#held = undefined
    this.#body?.stop()
    this.#body = undefined
  }

  /** Keeps the idle connection open until the sweep with this number (one sweep every 250 ms). */
  rest(until: number): void {
    this.#deadline = until
  }

  /** Continues reading when the client accepts data again. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#stage !== Stage.switched) this.#deadline = this.#keeper.sweep.after(this.#call!.idleMs)
    this.#socket.resume()
  }

  /** Stops reading until `resume`. Bytes of the current read are still delivered. */
  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  /**
   * Writes bytes of the protocol that the connection switched to.
   *
   * @param sent  called when all bytes have been sent, or with an error. Until then, the socket may read their memory
   */
  write(bytes: Buffer, sent?: (error?: Error | null) => void): void {
    this.#socket.write(bytes, sent)
  }

  /** Number of bytes that were written but not sent yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * Ends a connection that has switched protocols, after its last write. Closes the connection when the service has
   * closed it, or after 1 s.
   */
  finish(): void {
    this.#leave()
    this.#closing = true
    this.#deadline = this.#keeper.sweep.after(CLOSE_MS)
    this.#socket.resume()
    this.#socket.end()
  }

  /** Closes the connection without reporting anything to the call. */
  destroy(): void {
    this.#leave()
    this.#socket.destroy()
  }

  #ended(): void {
    const call = this.#call
    if (call !== undefined && this.#stage === Stage.untilClose) this.#complete(call, false)
    else this.#broken(new Error('the service closed the connection'))
  }

  #broken(error: Error): void {
    if (this.#call === undefined) this.#close()
    else this.#fail(this.#faultOf(error))
  }

  /** Closes a connection without a call. */
  #close(): void {
    if (this.#isWarming) this.#keeper.unreachable()
    this.#isWarming = false
    this.destroy()
  }

  #fail(fault: GatewayFault): void {
    const call = this.#call
    this.destroy()
    if (!this.#open || fault.reason === 'upstream-handshake') this.#keeper.unreachable()
    else if (this.#stage !== Stage.switched && isLoss(fault)) this.#keeper.broke()
    call?.fail(fault)
  }

  /**
   * Maps a socket or parse error to a fault. `retryable` is true if no connection was opened, or if a reused connection
   * broke before the first byte of the reply. In the second case the service may have received the request, so the
   * caller repeats only safe requests.
   */
  #faultOf(error: NodeJS.ErrnoException): GatewayFault {
    const { text: origin } = this.#keeper
    const refused = this.#used || this.#answered ? undefined : this.#handshakeFault(error)
    if (refused !== undefined) return refused
    if (!this.#open) {
      const message = `${origin}: no connection to the upstream (${error.code ?? error.message})`
      return new GatewayFault('upstream-unreachable', 'upstream', message, { cause: error, retryable: true })
    }
    // Allow a retry: most likely the service closed the idle connection before it read the request (RFC 9112 §9.3.1).
    const unanswered = !this.#answered
    const options = { cause: error, retryable: this.#used && unanswered, unanswered }
    return new GatewayFault('upstream-broken', 'upstream', `${origin}: ${error.message}`, options)
  }

  #handshakeFault(error: Error): GatewayFault | undefined {
    const socket = this.#socket
    if (!(socket instanceof TLSSocket)) return undefined
    const { text: origin } = this.#keeper
    const { authorizationError } = socket
    return handshakeFault({ origin, error, authorizationError, peer: this.#peer, open: this.#open })
  }

  /** Times out a wait whose deadline has passed. @param now  number of the current sweep */
  sweep(now: number): void {
    if (this.#deadline === 0 || this.#deadline > now) return
    const call = this.#call
    if (call === undefined) this.#close()
    else if (!this.#open)
      this.#fail(this.#faultOf(Object.assign(new Error('the connection attempt timed out'), { code: 'ETIMEDOUT' })))
    else {
      const waited = this.#stage === Stage.head ? 'the service sent no reply head in time' : 'the reply body stalled'
      this.#fail(new GatewayFault('upstream-timeout', 'upstream', `${this.#keeper.text}: ${waited}`))
    }
  }
}
