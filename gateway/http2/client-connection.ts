import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { ActiveSetMember } from '../base/active-set.ts'
import { ArraySet } from '../base/array-set.ts'
import { EventBudget } from '../base/event-budget.ts'
import { NativeSession } from '../base/native-session.ts'
import type { TlsHandshake } from '../pipeline/exchange/exchange.ts'
import type { SecureContexts } from './secure-contexts.ts'
import type { PeerCounts } from './session-counts.ts'
import {
  CANCELS_CUT,
  FRAME_HEAD_BYTES,
  HEAD_CREDIT_MAX,
  LINGER_MS,
  OVERHEAD_BYTES,
  PING_REPLY_MS,
  PINGS,
  PREFACE_MS,
  QUIET_MS,
  REQUEST_CREDIT,
  SENT_PER_CREDIT,
  SETTINGS,
  type SessionEndCause,
  WINDOW_BYTES,
} from './session-limits.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  /** Server certificates in force when the connection was accepted; `undefined` without TLS. */
  readonly contexts: SecureContexts | undefined
  /** Address of the client, 4 or 16 bytes; IPv4-mapped addresses are converted to IPv4. */
  readonly address: Uint8Array
  readonly peer: PeerCounts
  /** Time without requests after which the HTTP/2 connection ends, ms. */
  readonly idleMs: number
  /** Age at which the HTTP/2 connection ends, ms. */
  readonly maxAgeMs: number
  /** Returns the monotonic time, ms. */
  readonly now: () => number
  /** Called at most once per connection, with the cause for which the gate ends the connection. */
  readonly onEnd: (cause: SessionEndCause) => void
}

/** A connection of an HTTP/2 client: from its acceptance, over its session, to its end. Enforces its limits. */
export class ClientConnection implements ActiveSetMember {
  place = -1
  readonly address: Uint8Array
  readonly peer: PeerCounts
  /** Names of the TLS certificate that the client's SNI selected; `undefined` without TLS or without a known name. */
  servedNames: ReadonlySet<string> | undefined
  /** Client certificate of the TLS connection; `undefined` unless the listener requests client certificates. */
  handshake: TlsHandshake | undefined
  /** Number of requests in progress on this HTTP/2 connection. */
  streams = 0
  readonly #options: ConnectionOptions
  readonly #startedMs: number
  readonly #pings: EventBudget
  readonly #settings: EventBudget
  readonly #overhead: EventBudget
  #session: ServerHttp2Session | undefined
  #native: NativeSession | undefined
  /** True once the SETTINGS frame of the client has arrived. */
  #greeted = false
  /** Time of the last begin or end of a request on the connection, monotonic, ms. */
  #usedMs: number
  /** Monotonic time (ms) of the last sweep that found new bytes from the client. */
  #heardMs: number
  #pingedMs: number | undefined
  /** Number of bytes that had been read from the client's socket at the last sweep. */
  #read = 0
  /** Bytes of request heads and bodies from the client since the last sweep. They do not count as overhead. */
  #credit = 0
  #sent = 0
  /** HTTP/2 streams whose request body is not complete. @bound request */
  readonly #uploads = new ArraySet<ServerHttp2Stream>()
  /** HTTP/2 streams with a complete reply whose request body is not complete. @bound request */
  readonly #refusedUploads = new ArraySet<ServerHttp2Stream>()
  /** Number of requests that the client has cancelled on this connection. */
  #cancels = 0
  #ended = false
  /** Monotonic time (ms) of the first sweep after GOAWAY that found no request in progress. */
  #closedMs: number | undefined
  /** Monotonic time (ms) of the first sweep after the end of the HTTP/2 session. */
  #destroyedMs: number | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.address = options.address
    this.peer = options.peer
    const now = options.now()
    this.#startedMs = now
    this.#usedMs = now
    this.#heardMs = now
    this.#pings = new EventBudget(PINGS, now)
    this.#settings = new EventBudget(SETTINGS, now)
    this.#overhead = new EventBudget(OVERHEAD_BYTES, now)
  }

  get contexts(): SecureContexts | undefined {
    return this.#options.contexts
  }

  /** Attaches the HTTP/2 session to the connection, once the TLS handshake is complete. */
  begin(session: ServerHttp2Session): void {
    const { now } = this.#options
    this.#session = session
    this.#native = new NativeSession(session)
    session.on('remoteSettings', () => {
      this.#greeted = true
      if (!this.#settings.take(1, now())) this.cut('settings-flood')
    })
    session.on('ping', () => {
      if (!this.#pings.take(1, now())) this.cut('ping-flood')
    })
    session.on('error', () => {
      // Wait for the end of the session to find the cause: the streams that the client has reset are reported before
      // the end of the session.
      session.once('close', () => this.#noteEnd(this.#cancels >= CANCELS_CUT ? 'cancel-flood' : 'protocol-error'))
    })
    session.on('frameError', () => undefined)
  }

  /** Counts a new request on the HTTP/2 connection. @param headBytes  size of its fields */
  streamOpened(stream: ServerHttp2Stream, headBytes: number): void {
    this.streams++
    this.#usedMs = this.#options.now()
    this.#credit += Math.min(headBytes, HEAD_CREDIT_MAX) + REQUEST_CREDIT
    if (!stream.endAfterHeaders) this.#uploads.add(stream)
  }

  /**
   * Counts bytes of a request body that the gate has read from one DATA frame. The head of a DATA frame (9 bytes) is
   * overhead only as far as it is longer than the body bytes: small gRPC messages have one frame each.
   */
  bodyRead(bytes: number): void {
    this.#credit += bytes + Math.min(bytes, FRAME_HEAD_BYTES)
  }

  /**
   * Counts the unread bytes of a request body that have arrived. Must be called when the gate will not read the rest of
   * the body.
   */
  bodyRefused(stream: ServerHttp2Stream): void {
    this.#credit += unreadBytes(stream)
    this.#uploads.delete(stream)
    this.#refusedUploads.add(stream)
  }

  /**
   * Tells clients to stop sending bodies that the gate does not read (RFC 9113 §8.1). Waits until the whole reply has
   * been sent: nghttp2 would send RST_STREAM before the end of the reply.
   */
  #stopUploads(): void {
    for (const stream of this.#refusedUploads.members()) {
      if (!stream.destroyed && stream.state.localClose !== 1) continue
      this.#refusedUploads.delete(stream)
      if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR)
    }
  }

  /**
   * Notes the end of a request. @param isCancelled  true when the client ended the request before the gate had replied
   * to it
   */
  streamClosed(stream: ServerHttp2Stream, isCancelled: boolean): void {
    this.streams--
    this.#uploads.delete(stream)
    this.#refusedUploads.delete(stream)
    this.#usedMs = this.#options.now()
    if (!stream.writableFinished) this.#native!.outlive(stream)
    if (isCancelled) this.cancelled(stream)
  }

  /** Counts a request that the HTTP/2 client cancelled. */
  cancelled({ rstCode }: ServerHttp2Stream): void {
    if (rstCode === constants.NGHTTP2_CANCEL) this.#cancels++
    const session = this.#session
    // Do not count requests that end with their session: these are not cancellations by the client.
    if (this.peer.isProxy || session === undefined || session.destroyed) return
    if (!this.peer.cancels.take(1, this.#options.now())) this.cut('cancel-flood')
  }

  /** Enforces the time limits and the overhead limit of the HTTP/2 connection. Called every 250 ms. */
  sweep(): void {
    const now = this.#options.now()
    const session = this.#session
    if (session === undefined || session.destroyed) {
      this.#sweepSocket(now)
      return
    }
    if (!this.#greeted) {
      if (now - this.#startedMs >= PREFACE_MS) this.cut('preface')
      return
    }
    // Read the socket first: each of the following steps may destroy the session, whose socket then cannot be used.
    this.#checkBytes(session, now)
    this.#stopUploads()
    if (!session.destroyed && this.streams > 0) this.#checkSilence(session, now)
    if (session.destroyed) return
    if (session.closed) this.#sweepClosing(now)
    else if (now - this.#startedMs >= this.#options.maxAgeMs) this.goAway('age')
    else if (this.streams === 0 && now - this.#usedMs >= this.#options.idleMs) this.goAway('idle')
  }

  /** Closes a connection whose session has not begun in time, or has ended while the client keeps the connection open. */
  #sweepSocket(now: number): void {
    if (this.#session === undefined) {
      if (now - this.#startedMs >= PREFACE_MS) this.cut('preface')
      return
    }
    this.#destroyedMs ??= now
    if (now - this.#destroyedMs >= LINGER_MS) this.#options.socket.destroy()
  }

  #checkBytes({ socket }: ServerHttp2Session, now: number): void {
    const { bytesRead, bytesWritten } = socket
    const read = bytesRead - this.#read
    const sent = bytesWritten - this.#sent
    if (read > 0) this.#heardMs = now
    const overhead = read - this.#credit - sent / SENT_PER_CREDIT
    this.#read = bytesRead
    this.#sent = bytesWritten
    this.#credit = 0
    if (!this.#overhead.take(overhead, now) && this.#overhead.debt > 2 * this.#unread()) this.cut('frame-flood')
  }

  /**
   * Number of request body bytes that have arrived and that the gate has not read yet. These bytes do not count as
   * overhead, and neither do as many bytes of frame heads.
   */
  #unread(): number {
    let bytes = 0
    for (const stream of this.#uploads.members()) bytes += unreadBytes(stream)
    return bytes
  }

  /** Sends a PING to a client that waits for a reply and sends nothing: its connection may be lost. */
  #checkSilence(session: ServerHttp2Session, now: number): void {
    if (this.#pingedMs !== undefined) {
      if (now - this.#pingedMs >= PING_REPLY_MS) this.cut('ping-timeout')
      return
    }
    if (now - this.#heardMs < QUIET_MS) return
    this.#pingedMs = now
    session.ping(() => {
      this.#pingedMs = undefined
    })
  }

  /**
   * Ends the HTTP/2 connection gracefully (GOAWAY): requests in progress complete, and the client sends new requests on
   * another connection. GOAWAY names the last request that was received, so that a client can safely repeat later ones.
   * A first GOAWAY as announcement (RFC 9113 §6.8) is of no use: after any GOAWAY, nghttp2 ignores new requests.
   */
  goAway(cause: SessionEndCause): void {
    const session = this.#session
    if (session === undefined || session.destroyed || !this.#greeted) {
      this.cut(cause)
      return
    }
    this.#noteEnd(cause)
    session.close()
  }

  /** Closes a connection without requests whose client keeps it open after GOAWAY. */
  #sweepClosing(now: number): void {
    if (this.streams > 0) return
    this.#closedMs ??= now
    if (now - this.#closedMs >= LINGER_MS) this.destroy()
  }

  /** Ends the HTTP/2 connection at once, because of a violated limit. Its requests are abandoned. */
  cut(cause: SessionEndCause): void {
    this.#noteEnd(cause)
    const session = this.#session
    if (session === undefined) this.#options.socket.destroy()
    // Pass an error: without one, Node.js ignores the code of GOAWAY.
    else if (cause.endsWith('-flood')) session.destroy(new Error(cause), constants.NGHTTP2_ENHANCE_YOUR_CALM)
    else session.destroy()
  }

  /** Closes the HTTP/2 connection at once, without GOAWAY. */
  destroy(): void {
    this.#session?.destroy()
    this.#options.socket.destroy()
  }

  #noteEnd(cause: SessionEndCause): void {
    if (this.#ended) return
    this.#ended = true
    this.#options.onEnd(cause)
  }
}

/**
 * Returns the number of bytes of a request body that have arrived and that the gate has not read. They have used up the
 * flow-control window of the stream.
 */
function unreadBytes({ destroyed, state }: ServerHttp2Stream): number {
  return destroyed ? 0 : Math.max(0, WINDOW_BYTES - (state.localWindowSize ?? WINDOW_BYTES))
}
