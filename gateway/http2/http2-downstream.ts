import { constants, type ServerHttp2Stream } from 'node:http2'
import type { ActiveSetMember } from '../base/active-set.ts'
import { type Denial, denial } from '../base/denial.ts'
import { grpcCodeOf, readGrpcCode } from '../base/grpc-code.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { ClientSocket } from '../pipeline/exchange/client-socket.ts'
import type { Downstream } from '../pipeline/exchange/downstream.ts'
import { abandon, fail, refuseForwarded } from '../pipeline/exchange/driver.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { type Refusal, refusalBody, refusalFields } from '../pipeline/exchange/refusal.ts'
import { writeGateFields } from '../pipeline/exchange/reply-fields.ts'
import { bodyTooLarge, grpcMessageTooLarge } from '../pipeline/exchange/size-denials.ts'
import { areTrailersBounded, requestTrailers } from '../pipeline/exchange/trailers.ts'
import { type InFlight, type StallLimits, watchExchange } from '../pipeline/in-flight/in-flight.ts'
import { StallDetector } from '../pipeline/in-flight/stall-detector.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { RequestStream, Trailers } from '../upstream/target.ts'
import { trailerFields } from '../upstream/trailer-fields.ts'
import type { ClientConnection } from './client-connection.ts'
import { GrpcMessages } from './grpc-messages.ts'
import { grpcAnswer, grpcEnd, grpcRefusal } from './grpc-reply.ts'
import { Http2Upload } from './http2-upload.ts'
import { ReplyList } from './reply-list.ts'

const trailersTooLarge = denial('trailers-too-large')

/** Client side of an exchange on an HTTP/2 stream. After the end of the stream, every method does nothing. */
export class Http2Downstream implements Downstream, ActiveSetMember {
  /** The exchange of the stream; `undefined` only if it could not be created. */
  exchange!: Exchange
  place = -1
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress = undefined
  readonly isWebSocket = false
  readonly #stream: ServerHttp2Stream
  readonly #connection: ClientConnection
  readonly #inFlight: InFlight
  #upload: Http2Upload | undefined
  /** State of the messages from the client in a gRPC call; `undefined` before the first bytes. */
  #asked: GrpcMessages | undefined
  /** State of the messages from the service in a gRPC call; `undefined` before the first bytes. */
  #replied: GrpcMessages | undefined
  /** True when the gate has sent 100 Continue to the client. */
  #continued = false
  /** True for a reply without a body: to HEAD, or with status 204, 205 or 304. */
  #bodyless = false
  /** Number of body bytes that the service still has to send; `undefined` for a reply without Content-Length. */
  #left: number | undefined
  #watching = false
  /** True when the gate has handed the whole reply to the HTTP/2 stream. */
  #complete = false
  /** Trailers of the reply for the client. */
  #trailers: Trailers | undefined
  /** True when the HTTP/2 stream has sent all bytes of the reply. */
  #sent = false
  /** True when nothing more can be sent to the client: the stream has ended, or the gate has reset it. */
  #over = false
  /** Detectors of a stalled client, created at their first use, as for HTTP/1.1. */
  #reading: StallDetector | undefined
  #sending: StallDetector | undefined
  replying = false
  bytesOut = 0
  grpcStatus: number | undefined

  constructor(stream: ServerHttp2Stream, connection: ClientConnection, inFlight: InFlight) {
    this.#stream = stream
    this.#connection = connection
    this.#inFlight = inFlight
    this.remoteAddress = connection.address
    stream.on('finish', () => this.#finished())
    stream.on('wantTrailers', () => this.#endStream())
    stream.on('close', () => this.#closed())
  }

  get bytesIn(): number {
    return this.#upload?.bytes ?? 0
  }

  get bodyTouched(): boolean {
    return this.#upload?.touched ?? false
  }

  get uploading(): boolean {
    return this.#upload?.unsent ?? false
  }

  get lingers(): boolean {
    return this.#complete && !this.#sent && !this.#isGone
  }

  get backedUp(): boolean {
    return !this.#isGone && this.#stream.writableNeedDrain
  }

  get #isGone(): boolean {
    return this.#over || this.#stream.closed || this.#stream.destroyed
  }

  /** Begins to receive the request body. Call this only for a request that has a body. */
  expectBody(): void {
    this.#upload = new Http2Upload(this.#stream, {
      onBytes: (total, bytes) => this.#checkSize(total, bytes),
      onDropped: (bytes) => this.#connection.bodyRead(bytes),
      onTrailers: (trailers) => this.#checkTrailers(trailers),
      select: (trailers) => requestTrailers(trailers, this.exchange),
    })
  }

  #checkTrailers(trailers: Trailers): void {
    const x = this.exchange
    try {
      if (!areTrailersBounded(trailers, x)) refuseForwarded(x, trailersTooLarge)
    } catch (error) {
      fail(x, error)
    }
  }

  /**
   * Checks the size of the request body before bytes are forwarded, so that the service receives neither too many bytes
   * nor a cut body.
   */
  #checkSize(total: number, bytes: Uint8Array): void {
    const x = this.exchange
    this.#connection.bodyRead(bytes.length)
    try {
      if (x.head.grpc) {
        this.#asked ??= new GrpcMessages(x.route?.grpcMessageMaxBytes)
        if (!this.#asked.pass(bytes)) refuseForwarded(x, grpcMessageTooLarge(x.route!.grpcMessageMaxBytes!))
        return
      }
      const most = x.route?.maxBodyBytes
      if (most !== undefined && total > most) refuseForwarded(x, bodyTooLarge(most))
    } catch (error) {
      fail(x, error)
    }
  }

  openBody(): RequestStream | undefined {
    if (this.#upload === undefined) return undefined
    if (!this.#continued && !this.#isGone && this.exchange.head.field('expect') !== undefined) {
      this.#continued = true
      this.#stream.additionalHeaders({ ':status': 100 })
    }
    return this.#upload.open(() => this.#mayUpload())
  }

  #mayUpload(): boolean {
    const { exchange: x } = this
    // Count an upload that arrives in several parts as a stream. The periodic search for streams finds an upload of one
    // part that does not end.
    if (x.stream === undefined && this.#upload!.continued && !x.settled) {
      watchExchange(x)
      if (x.settled) return false
    }
    return x.stream?.mayUpload() !== false
  }

  refuse(refusal: Refusal): void {
    this.#sendRefusal(refusal)
    // Close the HTTP/2 connection: otherwise a client that has a new certificate would be refused until the connection
    // ends by its age.
    if (this.exchange.connectionRefused) this.#connection.goAway('certificate')
  }

  #sendRefusal(refusal: Refusal): void {
    const { status } = refusal.denial
    if (this.exchange.head.grpc) {
      this.grpcStatus = grpcCodeOf(status)
      this.#sendTrailersOnly(grpcRefusal(refusal))
      return
    }
    const list = new ReplyList(status)
    list.addAll(refusalFields(refusal))
    list.addAll(this.exchange.originFields)
    this.#sendWhole(list, refusalBody(refusal))
  }

  answer({ status, reason, fields, body }: Answer, requestId: string): void {
    if (this.exchange.head.grpc && status >= 300) {
      this.grpcStatus = grpcCodeOf(status)
      this.#sendTrailersOnly(grpcAnswer(status, reason, requestId))
      return
    }
    const list = new ReplyList(status)
    list.addAll(fields)
    list.writeHeader('x-request-id', requestId)
    this.#sendWhole(list, body)
  }

  /** Sends a reply without a body over HTTP/2: the stream ends with its head. */
  #sendTrailersOnly(list: ReplyList): void {
    this.#upload?.discard()
    this.#bodyless = true
    if (this.#sendHead(list, false)) this.#finish()
  }

  #sendWhole(list: ReplyList, body: string | Uint8Array): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    this.#upload?.discard()
    this.#bodyless = this.exchange.head.method === 'HEAD'
    list.writeHeader('content-length', String(bytes.length))
    if (!this.#sendHead(list, false)) return
    if (!this.#bodyless) {
      this.bytesOut = bytes.length
      this.#stream.write(bytes)
    }
    this.#finish()
  }

  begin(head: ReplyHead): void {
    const { status, contentLength } = head
    const list = new ReplyList(status)
    const fields = head.fields()
    list.addPairs(fields)
    writeGateFields(this.exchange, list)
    // Send no body with status 205, which must have none (RFC 9110 §15.3.6).
    const isEmpty = status === 204 || status === 205 || status === 304
    this.#bodyless = isEmpty || head.isEnd || this.exchange.head.method === 'HEAD'
    this.#left = contentLength
    if (head.isEnd) this.#noteStatus(fields)
    if (contentLength !== undefined && !isEmpty) {
      list.writeHeader('content-length', String(contentLength))
    }
    this.#sendHead(list, true)
  }

  /** Notes the status of a gRPC call in the last fields of a service's reply. */
  #noteStatus(fields: Trailers): void {
    if (!this.exchange.head.grpc) return
    const at = fields.indexOf('grpc-status')
    if (at >= 0) this.grpcStatus = readGrpcCode(fields[at + 1]!)
  }

  /**
   * Sends the head of the reply. @returns false when the head was not sent, because the stream has ended or a field is
   * not safe to send
   */
  #sendHead(list: ReplyList, isStreamed: boolean): boolean {
    this.replying = true
    if (this.#isGone) return false
    if (!list.isSafe) {
      this.abort()
      return false
    }
    // Set `waitForTrailers`, so that only `#endStream` marks the reply as complete. Without it, Node.js marks the reply
    // as complete also when it resets the stream or destroys the session.
    this.#stream.respond(list.fields, { endStream: this.#bodyless, waitForTrailers: isStreamed && !this.#bodyless })
    return true
  }

  /** Marks the reply of a service as complete, after its last byte, with its trailers. */
  #endStream(): void {
    if (this.#complete && !this.#isGone) this.#stream.sendTrailers(trailerFields(this.#trailers))
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isGone || chunk.length === 0 || this.#bodyless) return true
    if (this.#left !== undefined) this.#left -= chunk.length
    this.bytesOut += chunk.length
    if (this.exchange.head.grpc) {
      this.#replied ??= new GrpcMessages()
      this.#replied.pass(chunk)
    }
    // Copy the bytes of the chunk: the read buffer of the chunk is overwritten by the next read from any service.
    const room = this.#stream.write(Buffer.from(chunk))
    if (!room) this.#watch()
    return room
  }

  /** Calls `#drained` once, when the client has read the waiting bytes of the reply. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#stream.once('drain', () => {
      this.#watching = false
      if (!this.#isGone) this.exchange.call?.resume()
    })
  }

  end(trailers?: Trailers): boolean {
    if (this.#isGone) return true
    if (!this.#bodyless && this.#left !== undefined && this.#left !== 0) {
      this.abort()
      return false
    }
    this.#trailers = trailers
    if (trailers !== undefined) this.#noteStatus(trailers)
    this.#finish()
    return true
  }

  endCall(refusal: Denial): boolean {
    if (!this.exchange.head.grpc || this.#isGone || this.#complete || this.#left !== undefined) return false
    if (this.#replied?.isBetween === false) return false
    this.#upload?.discard()
    this.#trailers = grpcEnd(refusal)
    this.grpcStatus = grpcCodeOf(refusal.status)
    this.#finish()
    return true
  }

  #finish(): void {
    this.#complete = true
    this.#stream.end()
  }

  continue(): boolean {
    this.#upload?.wake()
    return !this.#stream.writableNeedDrain
  }

  /** Called when all bytes of the reply have been sent. A client that still sends a body gets RST_STREAM later. */
  #finished(): void {
    const upload = this.#upload
    if (upload?.complete === false) {
      if (this.#isGone) this.#connection.bodyRead(this.#stream.readableLength)
      else this.#connection.bodyRefused(this.#stream)
      upload.release()
    }
    if (!this.#complete) return
    this.#sent = true
    this.#end()
  }

  /** Called when the HTTP/2 stream has ended. If the reply was not complete, the client or the session has ended it. */
  #closed(): void {
    const isCancelled = !this.#over && !this.#sent
    this.#over = true
    if (this.#upload?.complete === false) this.#upload.break()
    this.#end()
    this.#connection.streamClosed(this.#stream, isCancelled)
    if (isCancelled && this.exchange !== undefined) abandon(this.exchange, 'client-gone')
  }

  /** Keep the exchange in flight while the last bytes of its reply wait for a slow client. */
  #end(): void {
    this.#inFlight.delete(this)
    this.exchange?.stream?.close()
  }

  stallReason({ standard }: StallLimits): 'reader-stalled' | 'upload-stalled' | undefined {
    if (this.#isGone) return undefined
    const isHeld = this.exchange.stream?.held === true
    const waiting = this.#stream.writableLength
    if (waiting > 0 && !isHeld) {
      const taken = this.bytesOut - waiting
      this.#reading ??= new StallDetector(taken)
      if (this.#reading.stalledCalls(taken, standard.bytes) > standard.sweeps) return 'reader-stalled'
    } else this.#reading = undefined
    // Report no stall for gRPC: a client may wait for any time between two messages of a gRPC call. PINGs detect a
    // client whose connection is lost.
    const isWaiting = this.#asked?.isBetween ?? this.exchange.head.grpc
    if (this.#upload?.awaited === true && !this.#complete && !isWaiting) {
      this.#sending ??= new StallDetector(this.#upload.bytes)
      if (this.#sending.stalledCalls(this.#upload.bytes, standard.bytes) > standard.sweeps) return 'upload-stalled'
    } else this.#sending = undefined
    return undefined
  }

  /** Restarts no timeout of the client: Node.js has none for HTTP/2 streams. */
  restartTimeout(): void {}

  /** Unreachable: the gate offers no WebSocket over HTTP/2 (RFC 8441), so no request has a handshake. */
  accept(): ClientSocket {
    throw new Error('the gate offers no WebSocket over HTTP/2')
  }

  goAway(): void {}

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#upload?.break()
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  release(): void {
    if (!this.lingers) this.#inFlight.delete(this)
  }
}
