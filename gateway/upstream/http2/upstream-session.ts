import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls, TLSSocket } from 'node:tls'
import { ActiveSet, type ActiveSetMember } from '../../base/active-set.ts'
import { GatewayFault } from '../../base/fault.ts'
import { NativeSession } from '../../base/native-session.ts'
import { FIELDS_MAX } from '../reply-head.ts'
import type { Sweep } from '../sweep.ts'
import { HEAD_MAX_BYTES } from '../target.ts'
import { handshakeFault } from '../tls/handshake-fault.ts'
import { type SeenCertificate, seenCertificate } from '../tls/seen-certificate.ts'
import type { CallCarrier, Http2Call } from './http2-call.ts'
import { PingWatch } from './ping-watch.ts'
import type { RequestList } from './request-list.ts'
import {
  AGE_MS,
  CALLS_MAX,
  CANCELS_MAX,
  CLOSED_MS,
  IDLE_MS,
  REPLY_WINDOW_BYTES,
  SESSION_CALLS_MAX,
  SESSION_MEMORY_MB,
  SESSION_WINDOW_BYTES,
} from './session-limits.ts'

/** Idle time before TCP keep-alive probes start, ms. */
const PROBE_AFTER_MS = 60_000
/** Maximum wait until the service closes the connection of an ended session, ms. */
const CLOSE_MS = 1000
/** Maximum fraction of the age limit by which a session is retired earlier. The fraction is random. */
const AGE_SPREAD = 0.1

/** Options of node:http2 for every session: limits of replies, and no server push. */
const sessionOptions = {
  strictSingleValueFields: false,
  maxSessionMemory: SESSION_MEMORY_MB,
  // One more than the maximum number of fields of a reply, because the pseudo-header field `:status` counts too.
  maxHeaderListPairs: FIELDS_MAX + 1,
  maxReservedRemoteStreams: 0,
  settings: { enablePush: false, initialWindowSize: REPLY_WINDOW_BYTES, maxHeaderListSize: HEAD_MAX_BYTES },
}

/** The upstream to which an HTTP/2 session belongs. A session uses the upstream by these members only. */
export interface SessionKeeper {
  readonly origin: string
  /** Origin and address, for error messages. */
  readonly text: string
  readonly address: TcpNetConnectOpts
  /** TLS options for an upstream with `h2`; `undefined` for `h2c`. */
  readonly tls: ConnectionOptions | undefined
  /** Longest time to establish a session, up to the SETTINGS frame of the service, ms. */
  readonly connectMs: number
  readonly sweep: Sweep
  /** False when the upstream is closed: its sessions then end after their last call. */
  readonly isOpen: boolean
  /** Called with the certificate of the upstream in a TLS handshake, valid or not. */
  presented(certificate: SeenCertificate): void
  /** Called when a session has opened. @param address  address of the upstream of this session */
  readonly onConnect?: ((address: string) => void) | undefined
  /** Called when a session could not be established. */
  unreachable(): void
  /** Called when the head of a reply from the service has arrived. */
  answered(status: number): void
  /** Called when a session takes no more calls. */
  retired(session: UpstreamSession): void
  /** Moves a call to another session, because its own session cannot carry the call. */
  reassign(call: Http2Call): void
  /** Called when the connection of a session has closed. */
  closed(session: UpstreamSession): void
}

/**
 * One HTTP/2 connection to a service, for the calls of many clients. A session takes no more calls after too many
 * resets, after a long time, or after GOAWAY; its open calls complete.
 */
export class UpstreamSession implements CallCarrier {
  /** Key of the only client whose calls the session carries; `undefined` for a session that all clients share. */
  readonly separateKey: string | undefined
  readonly clock: Sweep
  readonly #keeper: SessionKeeper
  readonly #socket: Socket
  readonly #watch: PingWatch
  #session: ClientHttp2Session | undefined
  #native: NativeSession | undefined
  /** True once the SETTINGS frame of the service has arrived. */
  #open = false
  #isRetired = false
  /** True once the head of any reply has arrived on this session. */
  #hasAnswered = false
  /** Certificate of the upstream; `undefined` before the handshake, and without TLS. */
  #peer: SeenCertificate | undefined
  /**
   * Calls with an open stream.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  readonly #calls = new ActiveSet<ActiveSetMember & Http2Call>()
  /**
   * Calls that wait until the session is open.
   *
   * @bound calls: `max_calls` of the service | the request is refused | gatehouse_upstream_connections
   */
  #waiting: Http2Call[] = []
  /** Number of calls that the service allows at the same time. */
  #allowed = CALLS_MAX
  #started = 0
  #resets = 0
  /** Last stream that the service has processed, as stated in GOAWAY; `undefined` without GOAWAY. */
  #lastProcessed: number | undefined
  /** The error with which the session ended; `undefined` without an error. */
  #error: NodeJS.ErrnoException | undefined
  #turn = 0
  #turning = false
  /** Number of the sweep (one every 250 ms) at which the current wait times out; 0 when no deadline is set. */
  #deadline: number
  readonly #retireAt: number

  constructor(keeper: SessionKeeper, separateKey: string | undefined) {
    this.#keeper = keeper
    this.separateKey = separateKey
    this.clock = keeper.sweep
    const options = {
      ...keeper.address,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: PROBE_AFTER_MS,
    }
    const socket = keeper.tls === undefined ? connect(options) : connectTls({ ...options, ...keeper.tls })
    this.#socket = socket
    this.#watch = new PingWatch(this.clock)
    socket.on(keeper.tls === undefined ? 'connect' : 'secureConnect', () => this.#connected())
    if (socket instanceof TLSSocket) {
      // Add this listener before that of Node.js for the same event, which verifies the certificate: an invalid
      // certificate cannot be read after the verification.
      socket.prependListener('secure', () => {
        this.#peer = seenCertificate(socket)
        if (this.#peer !== undefined) keeper.presented(this.#peer)
      })
    }
    socket.on('error', (error) => this.#broken(error))
    socket.on('close', () => this.#closed())
    this.#deadline = this.clock.after(keeper.connectMs)
    this.#retireAt = this.clock.after(AGE_MS * (1 - Math.random() * AGE_SPREAD))
    this.clock.add(this)
  }

  /** Number of calls on the session, including calls that wait for the session to open. */
  get load(): number {
    return this.#calls.size + this.#waiting.length
  }

  /**
   * Whether the session takes another call. Also checks for ended streams, because Node.js reports the end of a session
   * later than the end of its streams.
   */
  get hasRoom(): boolean {
    return !this.#isRetired && this.load < this.#allowed && this.#session?.destroyed !== true
  }

  /**
   * Whether the session takes calls, and is either not open yet or has received something from its service in the last
   * second.
   */
  get isFresh(): boolean {
    return this.hasRoom && (!this.#open || this.#watch.quietMs(this.#socket.bytesRead) <= 1000)
  }

  /** Whether the session is open, and the service allows no calls on it (SETTINGS_MAX_CONCURRENT_STREAMS 0). */
  get allowsNone(): boolean {
    return this.#open && !this.#isRetired && this.#allowed === 0 && this.#session?.destroyed !== true
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Sends the request of a call: immediately when the session is open, otherwise as soon as the session opens. */
  run(call: Http2Call): void {
    call.carrier = this
    if (!this.#open) {
      this.#waiting.push(call)
      return
    }
    this.#begin(call)
    call.start()
    this.#watch.started(this.#session!, this.#socket.bytesRead)
  }

  #begin(call: Http2Call): void {
    this.#calls.add(call)
    this.#deadline = 0
    if (++this.#started >= SESSION_CALLS_MAX) this.retire()
  }

  #connected(): void {
    const socket = this.#socket
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') {
      this.#refuse(
        `the upstream does not offer HTTP/2 (ALPN h2); set protocol: http1 in services, or enable HTTP/2 in the service`,
      )
      return
    }
    const session = connectHttp2(this.#keeper.origin, {
      ...sessionOptions,
      createConnection: () => socket,
    })
    this.#session = session
    this.#native = new NativeSession(session)
    // Keep an `error` listener: without a listener, an error of the session would end the process.
    session.on('error', (error) => this.#broken(error))
    session.on('frameError', () => undefined)
    session.on('connect', () => {
      if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    })
    session.on('remoteSettings', ({ maxConcurrentStreams = CALLS_MAX }) => {
      this.#allowed = Math.min(CALLS_MAX, maxConcurrentStreams)
      if (!this.#open) this.#opened()
      else this.#rest()
    })
    session.on('goaway', (_, lastStreamId) => {
      this.#lastProcessed = lastStreamId
      this.retire()
    })
    session.on('close', () => this.#loseCalls())
  }

  /** Called when the service has proven that it speaks HTTP/2. Sends the calls that wait for the session. */
  #opened(): void {
    this.#open = true
    this.#watch.heard(this.#socket.bytesRead)
    const { onConnect } = this.#keeper
    if (onConnect !== undefined) onConnect(this.#socket.remoteAddress ?? '')
    if (this.#allowed === 0) this.#keeper.unreachable()
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) {
      if (call.isOver) continue
      if (this.#isRetired || this.#calls.size >= this.#allowed) {
        this.#keeper.reassign(call)
        continue
      }
      this.#begin(call)
      call.opened()
    }
    this.#rest()
  }

  openStream(
    list: RequestList,
    options: { readonly endStream: boolean; readonly waitForTrailers: boolean },
  ): ClientHttp2Stream {
    const stream = this.#session!.request(list.fields, options)
    if (!options.endStream) {
      stream.on('close', () => {
        if (!stream.writableFinished) this.#native!.outlive(stream)
      })
    }
    return stream
  }

  turn(): number {
    if (!this.#turning) {
      this.#turning = true
      this.#turn++
      this.#watch.answered()
      setImmediate(() => {
        this.#turning = false
      })
    }
    return this.#turn
  }

  answered(status: number): void {
    this.#hasAnswered = true
    this.#keeper.answered(status)
  }

  isUnprocessed({ id, rstCode }: ClientHttp2Stream): boolean {
    if (id === undefined || rstCode === constants.NGHTTP2_REFUSED_STREAM) return true
    return this.#lastProcessed !== undefined && id > this.#lastProcessed
  }

  faultOf(stream: ClientHttp2Stream, isAnswered: boolean): GatewayFault {
    const { text: origin } = this.#keeper
    if (!isAnswered && this.isUnprocessed(stream)) {
      const message = `${origin}: the service refused the request before processing it (HTTP/2 REFUSED_STREAM or GOAWAY)`
      return new GatewayFault('upstream-full', 'upstream', message, { retryable: true })
    }
    const refused = this.#lateHandshakeFault()
    if (refused !== undefined) return refused
    const { rstCode } = stream
    const why =
      this.#error?.message ?? (rstCode === 0 ? 'the reply is incomplete' : `stream reset with ${codeName(rstCode)}`)
    // Allow a retry, because the session has carried other calls before this error: most likely the connection broke
    // while it was idle, before the service read the request.
    const retryable = !isAnswered && this.#started > 1 && this.#error !== undefined
    const options = { cause: this.#error, retryable, unanswered: !isAnswered }
    return new GatewayFault('upstream-broken', 'upstream', `${origin}: ${why}`, options)
  }

  /**
   * Returns the fault if the error is a late failure of the TLS handshake: with TLS 1.3, a service can check the client
   * certificate after it has sent its SETTINGS frame.
   */
  #lateHandshakeFault(): GatewayFault | undefined {
    const socket = this.#socket
    const error = this.#error
    if (error === undefined || this.#hasAnswered || !(socket instanceof TLSSocket)) return undefined
    const { text: origin } = this.#keeper
    return handshakeFault({ origin, error, authorizationError: undefined, peer: this.#peer, open: true })
  }

  leave(call: Http2Call, isReset: boolean): void {
    if (this.#calls.has(call)) this.#calls.delete(call)
    else {
      const at = this.#waiting.indexOf(call)
      if (at >= 0) this.#waiting.splice(at, 1)
    }
    if (isReset && ++this.#resets >= CANCELS_MAX) this.retire()
    if (this.load === 0) this.#rest()
  }

  /** Retires the session: it takes no more calls, and ends after its last call. */
  retire(): void {
    if (this.#isRetired) return
    this.#markRetired()
    if (this.load === 0) this.#rest()
  }

  #markRetired(): void {
    this.#isRetired = true
    this.#keeper.retired(this)
  }

  /**
   * Call this when the session has no call. A retired session ends immediately, any other session after an idle time.
   */
  #rest(): void {
    if (!this.#open || this.load > 0) return
    if (this.#isRetired || !this.#keeper.isOpen) this.#end()
    else this.#deadline = this.clock.after(this.#allowed === 0 ? CLOSED_MS : IDLE_MS)
  }

  #end(): void {
    if (!this.#isRetired) this.#markRetired()
    this.#deadline = this.clock.after(CLOSE_MS)
    this.#session?.destroy()
  }

  /** Closes the connection of the session. All calls on the session fail. */
  destroy(): void {
    this.#session?.destroy()
    this.#socket.destroy()
  }

  #refuse(message: string): void {
    this.#failOpening(
      new GatewayFault('upstream-handshake', 'upstream', `${this.#keeper.text}: ${message}`, { retryable: true }),
    )
  }

  #broken(error: NodeJS.ErrnoException): void {
    this.#error ??= error
    if (!this.#open) this.#failOpening(this.#openingFault(error))
    else this.retire()
  }

  #failOpening(fault: GatewayFault): void {
    if (this.#isRetired && this.#waiting.length === 0) {
      this.destroy()
      return
    }
    const waiting = this.#waiting
    this.#waiting = []
    this.retire()
    this.#keeper.unreachable()
    this.destroy()
    for (const call of waiting) call.fail(fault)
  }

  /** Maps an error that occurred before the session was open to a fault. No byte of a request was sent. */
  #openingFault(error: NodeJS.ErrnoException): GatewayFault {
    const { text: origin } = this.#keeper
    const socket = this.#socket
    if (socket instanceof TLSSocket) {
      const { authorizationError } = socket
      const fault = handshakeFault({ origin, error, authorizationError, peer: this.#peer, open: false })
      if (fault !== undefined) return fault
    }
    const message =
      this.#session === undefined
        ? `${origin}: no connection to the upstream (${error.code ?? error.message})`
        : `${origin}: the upstream does not answer with HTTP/2 (${error.code ?? error.message}); check services.NAME.protocol`
    const reason = this.#session === undefined ? 'upstream-unreachable' : 'upstream-handshake'
    return new GatewayFault(reason, 'upstream', message, { cause: error, retryable: true })
  }

  #closed(): void {
    if (!this.#open) this.#broken(new Error('the service closed the connection'))
    this.#error ??= new Error('the service closed the connection')
    this.retire()
    this.#loseCalls()
    this.clock.delete(this)
    this.#keeper.closed(this)
  }

  /** Ends the calls that are still open when the session has ended, with a fault. */
  #loseCalls(): void {
    const { text: origin } = this.#keeper
    const late = this.#lateHandshakeFault()
    const message = `${origin}: ${this.#error?.message ?? 'the HTTP/2 session with the service ended'}`
    for (const call of this.#calls.members()) {
      const unanswered = !call.isAnswered
      call.lost(late ?? new GatewayFault('upstream-broken', 'upstream', message, { unanswered }))
    }
  }

  /**
   * Ends the waits of the session and of its calls whose deadline has passed.
   *
   * @param now  number of the current sweep
   */
  sweep(now: number): void {
    if (this.#deadline !== 0 && this.#deadline <= now) {
      if (!this.#open) this.#broken(Object.assign(new Error('the connection attempt timed out'), { code: 'ETIMEDOUT' }))
      else if (this.#isRetired) this.#socket.destroy()
      else this.#end()
      return
    }
    if (!this.#open) return
    for (const call of this.#calls.members()) call.timeOut(now)
    if (this.#calls.size === 0 || this.#session!.destroyed) return
    if (this.#watch.isDead(this.#session!, this.#socket.bytesRead)) {
      this.#error ??= new Error('no reply to an HTTP/2 PING; the connection is lost')
      this.retire()
      this.destroy()
    } else if (now >= this.#retireAt) this.retire()
  }
}

function codeName(code: number): string {
  return errorNames[code] ?? String(code)
}

/** Names of the HTTP/2 error codes (RFC 9113 §7). The index of a name is its code. */
const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
