import { type ClientHttp2Stream, constants } from 'node:http2'
import { Duplex } from 'node:stream'
import type { ActiveSetMember } from '../../base/active-set.ts'
import { GatewayFault } from '../../base/fault.ts'
import type { WaitingCall } from '../adaptive-limit.ts'
import type { Share } from '../client-counts.ts'
import { type CallKind, type ConcurrencyLimiter, callKind, type Seated } from '../concurrency-limiter.ts'
import { DISCARD_IDLE_MS, DiscardedReply } from '../discarded-reply.ts'
import { isLoss } from '../is-loss.ts'
import { MalformedReply } from '../malformed-reply.ts'
import type { Sweep } from '../sweep.ts'
import type { Trailers, UpstreamCall, UpstreamListener, UpstreamRequest } from '../target.ts'
import { CallBody, type CallBodyListener } from './call-body.ts'
import { replyOfList, trailersOfList } from './reply-of-list.ts'
import type { RequestList } from './request-list.ts'

/** The HTTP/2 session that carries a call. A call uses the session by these methods only. */
export interface CallCarrier {
  readonly clock: Sweep
  /**
   * Opens a stream.
   *
   * @throws {Error} when node:http2 refuses the fields
   */
  openStream(
    list: RequestList,
    options: { readonly endStream: boolean; readonly waitForTrailers: boolean },
  ): ClientHttp2Stream
  /** Returns a number that is greater for each turn of the event loop in which the service has sent something. */
  turn(): number
  /** Called when the head of a reply has arrived on the session. */
  answered(status: number): void
  /** Whether the service has certainly not processed the request of a stream that ended without a reply. */
  isUnprocessed(stream: ClientHttp2Stream): boolean
  /** Describes why a stream ended. @returns the fault for a call that got no complete reply */
  faultOf(stream: ClientHttp2Stream, isAnswered: boolean): GatewayFault
  /**
   * Called when a call ends or leaves the session.
   *
   * @param isReset  true when the gate has reset the stream
   */
  leave(call: Http2Call, isReset: boolean): void
}

/** The upstream to which an HTTP/2 call belongs. A call uses the upstream by these methods only. */
export interface Http2CallKeeper {
  /** Origin and address, for error messages. */
  readonly text: string
  /** Sends a call on another session. Called when the service has not processed the call. */
  repeat(call: Http2Call): void
  /** Called when a client, or the gate on its behalf, has cancelled a call whose request was sent. */
  cancelled(call: Http2Call): void
  /** Called when a call got no complete reply, because its connection was lost or a timeout ended it. */
  broke(): void
}

const ofStream: unique symbol = Symbol('call')

interface NoticedStream extends ClientHttp2Stream {
  [ofStream]?: Http2Call
}

const push = Duplex.prototype.push

/**
 * Replaces `push` of a stream, to notice its end. All streams share this function, so that a stream needs no closure.
 */
function pushNoticed(this: NoticedStream, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null) this[ofStream]!.ending(this)
  return push.call(this, chunk, encoding)
}

/** One request and its reply on one HTTP/2 stream. Ends exactly once: by completion, by a fault or by `abort`. */
export class Http2Call implements UpstreamCall, Seated, ActiveSetMember, CallBodyListener {
  place = -1
  readonly client: Uint8Array | undefined
  share: Share | undefined
  readonly kind: CallKind
  waiting: WaitingCall | undefined
  /** Header fields of the request. Set before the call gets a session. */
  list!: RequestList
  /** True when the call must get a session that has worked recently, because the call repeats a request. */
  readonly fresh: boolean
  /** Number of sessions on which the call has been tried. */
  tried = 0
  reads = 0
  readonly #keeper: Http2CallKeeper
  #listener: UpstreamListener
  readonly #seats: ConcurrencyLimiter
  readonly #request: UpstreamRequest
  #body: CallBody | undefined
  /**
   * Request body that had arrived completely before the call was sent; `undefined` for another body, and once the reply
   * has begun.
   */
  #whole: Buffer | undefined
  #carrier: CallCarrier | undefined
  #stream: ClientHttp2Stream | undefined
  /** Longest time for which the body of the reply may pause between two bytes, ms. Can change when the head arrives. */
  #idleMs: number
  /** Number of the sweep (one every 250 ms) at which the current wait times out; 0 when no deadline is set. */
  #deadline = 0
  #answered = false
  #paused = false
  /** True when the end of the reply arrived as END_STREAM, and not as a reset of the stream. */
  #isWhole = false
  /** Number of body bytes that the service still has to send; `undefined` for a reply without Content-Length. */
  #left: number | undefined
  #bodyless: boolean
  #trailers: Trailers | undefined
  #over = false

  constructor(
    request: UpstreamRequest,
    listener: UpstreamListener,
    seats: ConcurrencyLimiter,
    keeper: Http2CallKeeper,
  ) {
    this.#request = request
    this.#listener = listener
    this.#seats = seats
    this.kind = callKind(request.body !== undefined, request.timeouts.firstByteMs)
    this.#keeper = keeper
    this.#idleMs = request.timeouts.idleMs
    this.client = request.client
    this.fresh = request.fresh === true
    this.#bodyless = request.method === 'HEAD'
  }

  get isOver(): boolean {
    return this.#over
  }

  /** True once the head of the reply has arrived. */
  get isAnswered(): boolean {
    return this.#answered
  }

  /** The session on which the call is sent, or for which the call waits. */
  set carrier(carrier: CallCarrier) {
    this.#carrier = carrier
  }

  /** Called when the session opens for which the call waited. No byte of the request has been sent yet. */
  opened(): void {
    this.#listener.onOpen()
    if (!this.#over) this.start()
  }

  /** Opens a stream on the session, and sends the request on it. */
  start(): void {
    const carrier = this.#carrier!
    this.#takeBody()
    if (this.#over) return
    const [body, whole] = [this.#body, this.#whole]
    const endStream = body === undefined && (whole === undefined || whole.length === 0)
    const options = { endStream, waitForTrailers: body?.endsApart === true }
    let stream: ClientHttp2Stream
    try {
      stream = carrier.openStream(this.list, options)
    } catch (error) {
      this.#failLater(
        new GatewayFault('node-fault', 'node', `opening an HTTP/2 stream to the service failed: ${error}`, {
          cause: error,
        }),
      )
      return
    }
    this.#stream = stream
    // Add this listener, because without a listener an error of the stream would end the process.
    stream.on('error', () => undefined)
    this.#noticeEnd(stream)
    stream.on('response', (_, flags, list: readonly string[]) => {
      if (this.#isCurrent(stream)) this.#relaying(() => this.#onHead(stream, list, flags))
    })
    stream.on('trailers', (_, __, list: readonly string[]) => {
      if (this.#isCurrent(stream)) this.#relaying(() => (this.#trailers = trailersOfList(list)))
    })
    stream.on('end', () => {
      if (this.#isCurrent(stream)) this.#onEnd(stream)
    })
    stream.on('close', () => {
      if (this.#isCurrent(stream)) this.#onClose(stream)
    })
    if (body !== undefined) {
      body.start(stream)
      return
    }
    this.#deadline = carrier.clock.after(this.#request.timeouts.firstByteMs)
    if (!endStream) stream.end(whole)
    this.#seats.sent(this)
  }

  /** Takes the request body: as one buffer if the body has arrived completely, else as a stream. */
  #takeBody(): void {
    const { body } = this.#request
    if (body === undefined || this.#body !== undefined || this.#whole !== undefined) return
    const { contentLength } = this.list
    this.#whole = body.takeWhole?.(contentLength)
    if (this.#whole === undefined) this.#body = new CallBody(body, contentLength, this)
  }

  /**
   * Makes the call notice whether a stream ended by END_STREAM or by a reset. After a reset, even with NO_ERROR,
   * Node.js ends the readable side exactly as after END_STREAM. Only after a reset is the stream already marked as
   * closed.
   */
  #noticeEnd(stream: NoticedStream): void {
    stream[ofStream] = this
    stream.push = pushNoticed
  }

  /**
   * Records that the reply is complete, unless the stream was reset. Must be called before the readable side of the
   * stream ends.
   */
  ending(stream: ClientHttp2Stream): void {
    if (!stream.closed) this.#isWhole = true
  }

  #isCurrent(stream: ClientHttp2Stream): boolean {
    return this.#stream === stream && !this.#over
  }

  /** Runs a step that relays a part of the reply. If the step fails, ends the call. */
  #relaying(step: () => void): void {
    try {
      step()
    } catch (error) {
      const { text: origin } = this.#keeper
      if (error instanceof MalformedReply) {
        this.#reset(new GatewayFault('upstream-broken', 'upstream', `${origin}: ${error.message}`, { cause: error }))
      } else {
        this.#reset(
          new GatewayFault('node-fault', 'node', `relaying the reply of the service failed: ${error}`, {
            cause: error,
          }),
        )
      }
    }
  }

  #onHead(stream: ClientHttp2Stream, list: readonly string[], flags: number): void {
    const carrier = this.#carrier!
    const head = replyOfList(list, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0)
    this.#answered = true
    this.#body?.commit()
    this.#whole = undefined
    carrier.answered(head.status)
    this.#seats.answered(this)
    this.reads = carrier.turn()
    this.#bodyless ||= head.status === 204 || head.status === 304
    this.#left = head.contentLength
    this.#listener.onHead(head)
    if (!this.#isCurrent(stream)) return
    // Set the deadline after `onHead`, because the listener may have changed `idleMs` in it.
    this.#deadline = carrier.clock.after(this.#idleMs)
    // Add the `data` listener only now: Node.js would emit data that came with the head before it reports the head.
    // Until now, these data are in the buffer of the stream.
    stream.on('data', (chunk: Buffer) => {
      if (this.#isCurrent(stream)) this.#relaying(() => this.#onData(stream, chunk))
    })
  }

  #onData(stream: ClientHttp2Stream, chunk: Buffer): void {
    const carrier = this.#carrier!
    this.reads = carrier.turn()
    this.#deadline = carrier.clock.after(this.#idleMs)
    if (this.#bodyless) return
    if (this.#left !== undefined) {
      this.#left -= chunk.length
      if (this.#left < 0) throw new MalformedReply('the reply body is longer than its Content-Length')
    }
    const room = this.#listener.onData(chunk)
    if (room || !this.#isCurrent(stream)) return
    this.#paused = true
    // Set no deadline while the client's back-pressure pauses the reply.
    this.#deadline = 0
    stream.pause()
  }

  #onEnd(stream: ClientHttp2Stream): void {
    // The reply is not complete: do nothing here, because the event `close` follows and has the cause.
    if (!this.#isWhole || !this.#answered || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
    if (!this.#bodyless && this.#left !== undefined && this.#left > 0) {
      this.#fail(this.#carrier!.faultOf(stream, true))
      return
    }
    const isSending = this.#body !== undefined && !this.#body.isSent
    if (this.#finish(isSending)) this.#listener.onEnd(this.#trailers)
  }

  #onClose(stream: ClientHttp2Stream): void {
    const carrier = this.#carrier!
    if (!this.#answered && carrier.isUnprocessed(stream) && this.#body?.isRepeatable !== false) {
      this.#body?.detach()
      this.#stream = undefined
      this.#deadline = 0
      this.#isWhole = false
      this.#carrier = undefined
      carrier.leave(this, false)
      this.#keeper.repeat(this)
      return
    }
    this.#fail(carrier.faultOf(stream, this.#answered))
  }

  /** Ends the call because its session has ended. The streams of the session are already closed. */
  lost(fault: GatewayFault): void {
    this.#fail(fault)
  }

  bodySent(): void {
    if (!this.#answered) this.#seats.sent(this)
    this.bodyHeld()
  }

  bodyHeld(): void {
    // Set no time limit for the first byte if the reply began before the request was sent completely: the idle timeout
    // of the reply's body applies.
    if (!this.#answered) this.#deadline = this.#carrier!.clock.after(this.#request.timeouts.firstByteMs)
  }

  bodyAwaited(): void {
    // Set no deadline while the client sends its body: the client side of the exchange limits how long a client can
    // stall.
    if (!this.#answered) this.#deadline = 0
  }

  bodyFailed(fault: GatewayFault): void {
    this.#reset(fault)
  }

  resume(): void {
    if (!this.#paused || this.#over) return
    this.#paused = false
    this.#deadline = this.#carrier!.clock.after(this.#idleMs)
    this.#stream!.resume()
  }

  allowSilence(): void {
    this.#idleMs = Number.POSITIVE_INFINITY
  }

  discard(): void {
    if (this.#over) return
    this.#idleMs = DISCARD_IDLE_MS
    this.#listener = new DiscardedReply(() => this.#finish(true))
  }

  abort(): void {
    if (this.#over) return
    if (this.#stream !== undefined && !this.#stream.closed) this.#keeper.cancelled(this)
    this.#finish(true)
  }

  /** Ends a call whose request was not sent yet, or whose stream has already ended. */
  fail(fault: GatewayFault): void {
    this.#fail(fault)
  }

  #fail(fault: GatewayFault): void {
    if (!this.#finish(false)) return
    if (isLoss(fault)) this.#keeper.broke()
    this.#listener.onFault(fault)
  }

  /** Ends the call, and resets its stream. */
  #reset(fault: GatewayFault): void {
    if (!this.#finish(true)) return
    if (isLoss(fault)) this.#keeper.broke()
    this.#listener.onFault(fault)
  }

  #failLater(fault: GatewayFault): void {
    queueMicrotask(() => this.#fail(fault))
  }

  /** Ends the call. @returns false if the call has already ended */
  #finish(resets: boolean): boolean {
    if (this.#over) return false
    this.#over = true
    this.#deadline = 0
    const stream = this.#stream
    const isReset = resets && stream !== undefined && !stream.closed && !stream.destroyed
    this.#body?.stop()
    if (isReset) stream.close(constants.NGHTTP2_CANCEL)
    this.#carrier?.leave(this, isReset)
    this.#seats.leave(this)
    return true
  }

  /** Times out a wait whose deadline has passed. @param now  number of the current sweep */
  timeOut(now: number): void {
    if (this.#deadline === 0 || this.#deadline > now) return
    const waited = this.#answered ? 'the reply body stalled' : 'the service sent no reply head in time'
    this.#reset(new GatewayFault('upstream-timeout', 'upstream', `${this.#keeper.text}: ${waited}`))
  }
}
