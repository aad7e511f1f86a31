import { foldMapped } from '../base/addresses.ts'
import type { Answer } from '../pipeline/exchange/answer.ts'
import type { ClientSocket, ClientSocketListener } from '../pipeline/exchange/client-socket.ts'
import type { Downstream } from '../pipeline/exchange/downstream.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { type Refusal, refusalBody, refusalFields } from '../pipeline/exchange/refusal.ts'
import { type InFlight, type StallLimits, watchExchange } from '../pipeline/in-flight/in-flight.ts'
import { StallDetector } from '../pipeline/in-flight/stall-detector.ts'
import type { ReplyHead } from '../upstream/reply-head.ts'
import type { RequestStream } from '../upstream/target.ts'
import { UwsClientSocket } from './client-socket.ts'
import { ConnectionEnd } from './connection-end.ts'
import { type ReplyOwner, replyWhole } from './own-reply.ts'
import { ServiceReply } from './service-reply.ts'
import type { UpgradeCork } from './upgrade-cork.ts'
import { Upload } from './upload.ts'
import type { HttpResponse, us_socket_context_t } from './uws.ts'

interface Upgrade {
  /** Value of the request field `Sec-WebSocket-Key` of a WebSocket handshake. */
  readonly key: string
  readonly context: us_socket_context_t
  readonly cork: UpgradeCork
}

/**
 * The client's side of an exchange, on uWebSockets.js. Only this file and the modules that it uses write replies to
 * clients.
 */
export class UwsDownstream implements Downstream, ReplyOwner {
  readonly #end: ConnectionEnd
  readonly #inFlight: InFlight
  #reply: ServiceReply | undefined
  /** Context of uWebSockets.js for an upgrade; set for a request that can become a WebSocket. */
  #upgrade: Upgrade | undefined
  #socket: UwsClientSocket | undefined
  #ownBytes = 0
  /**
   * Detectors of a stalled client, created at their first use. `#reading` exists while reply bytes wait for the client,
   * `#sending` while more of the request body is expected.
   */
  #reading: StallDetector | undefined
  #sending: StallDetector | undefined
  readonly remoteAddress: Uint8Array
  readonly proxiedAddress: Uint8Array | undefined
  place = -1

  constructor(res: HttpResponse, inFlight: InFlight) {
    this.#end = new ConnectionEnd(res)
    // Read the client address now: it is not available after the reply, and the exchange record needs it.
    this.remoteAddress = foldMapped(new Uint8Array(res.getRemoteAddress()))
    const proxied = res.getProxiedRemoteAddress()
    this.proxiedAddress = proxied.byteLength === 0 ? undefined : foldMapped(new Uint8Array(proxied))
    this.#inFlight = inFlight
  }

  get exchange(): Exchange {
    return this.#end.exchange
  }

  set exchange(x: Exchange) {
    this.#end.exchange = x
  }

  get replying(): boolean {
    return this.#socket !== undefined || (this.#reply?.headSent ?? false)
  }

  get bytesIn(): number {
    return this.#socket?.bytesIn ?? this.#end.upload?.bytes ?? 0
  }

  get bytesOut(): number {
    return this.#socket?.bytesOut ?? this.#ownBytes + (this.#reply?.bytesOut ?? 0)
  }

  get bodyTouched(): boolean {
    return this.#end.upload?.touched ?? false
  }

  get uploading(): boolean {
    return this.#end.upload?.unsent ?? false
  }

  get lingers(): boolean {
    return this.#socket?.lingers ?? this.#reply?.lingers ?? this.#end.upload?.awaitsRest ?? false
  }

  get backedUp(): boolean {
    return this.#reply?.held ?? false
  }

  /** True when the end of a chunked request body arrived in the current turn of the event loop. */
  get bodyEndedNow(): boolean {
    return this.#end.upload?.endedNow ?? false
  }

  /**
   * Attaches the reader of the request body. Call this method in the request handler's own tick: otherwise bytes that
   * arrived together with the head are lost.
   */
  expectBody(): Upload {
    this.#end.upload = new Upload(this.#end.res)
    return this.#end.upload
  }

  openBody(): RequestStream | undefined {
    return this.#end.upload?.open(() => this.#mayUpload())
  }

  #mayUpload(): boolean {
    const { exchange: x, upload } = this.#end
    // Count an upload that arrives in several parts as a stream. The periodic search for streams finds an upload of one
    // part that does not end.
    if (x.stream === undefined && upload!.continued && !x.settled) {
      watchExchange(x)
      if (x.settled) return false
    }
    return x.stream?.mayUpload() !== false
  }

  get isWebSocket(): boolean {
    return this.#socket !== undefined
  }

  /** Allows a later switch of this request to WebSocket. Call this method in the tick of the request handler. */
  allowUpgrade(upgrade: Upgrade): void {
    this.#upgrade = upgrade
  }

  accept(head: ReplyHead, protocol: string, maxBytes: number, listener: ClientSocketListener): ClientSocket {
    const { res, exchange } = this.#end
    const { key, context, cork } = this.#upgrade!
    const onEnded = (): void => this.#inFlight.delete(this)
    const socket = new UwsClientSocket({ flow: res, maxBytes, listener, onEnded })
    // Mark `res` as unusable: it must not be used after the upgrade to a WebSocket.
    this.#end.over = true
    this.#socket = socket
    res.cork(() => {
      res.writeStatus(head.lines())
      res.writeHeader('x-request-id', exchange.id)
      for (const [name, value] of exchange.originFields) res.writeHeader(name, value)
    })
    cork.run(() => res.upgrade({ socket }, key, protocol, '', context))
    return socket
  }

  goAway(): void {
    this.#socket?.goAway()
  }

  /** Stops the exchange. The caller has noticed that the client has disconnected. */
  lost(): void {
    this.#end.over = true
    this.#end.upload?.break()
    // Remove the exchange also when it is settled: it can still be in flight here, because the last bytes of its reply
    // were waiting for the client.
    this.#inFlight.delete(this)
    this.#end.exchange?.stream?.close()
  }

  refuse(refusal: Refusal): void {
    const fields = [...refusalFields(refusal), ...this.#end.exchange.originFields]
    this.#ownBytes = replyWhole(this.#end, refusal.denial.status, fields, refusalBody(refusal), this)
  }

  answer(answer: Answer, requestId: string): void {
    const fields = [...answer.fields, ['x-request-id', requestId] as const]
    this.#ownBytes = replyWhole(this.#end, answer.status, fields, answer.body, this)
  }

  onReplied(): void {
    this.#inFlight.delete(this)
    this.exchange.stream?.close()
  }

  begin(head: ReplyHead): void {
    this.#reply = new ServiceReply(this.#end, head, this)
  }

  write(chunk: Uint8Array): boolean {
    return this.#reply!.write(chunk)
  }

  end(): boolean {
    return this.#reply!.end()
  }

  /** Unreachable: the HTTP/1.1 listener refuses gRPC. */
  endCall(): boolean {
    return false
  }

  continue(): boolean {
    this.#end.upload?.wake()
    return this.#reply?.continue() ?? true
  }

  /** Called when the client has read the reply bytes that waited. Resumes the upstream. */
  onDrained(): void {
    const { over, exchange } = this.#end
    if (over && this.#reply!.complete) {
      this.#inFlight.delete(this)
      exchange.stream?.close()
    } else exchange.call?.resume()
  }

  /**
   * Checks whether the client reads and sends fast enough. Called once per sweep of the exchanges (250 ms).
   *
   * @returns the reason to end the exchange when the client stalls, else `undefined`
   */
  stallReason({ standard, chunkedUpload }: StallLimits): 'reader-stalled' | 'upload-stalled' | undefined {
    if (this.#socket !== undefined) return this.#socket.sweep(standard)
    const { over, upload, exchange } = this.#end
    upload?.sweepRest()
    const isHeld = exchange.stream?.held === true
    if (this.#reply?.held === true && !isHeld) {
      const { taken } = this.#reply
      this.#reading ??= new StallDetector(taken)
      if (this.#reading.stalledCalls(taken, standard.bytes) > standard.sweeps) return 'reader-stalled'
    } else this.#reading = undefined
    if (!over && upload?.awaited === true) {
      this.#sending ??= new StallDetector(upload.bytes)
      const limit = exchange.head.chunked ? chunkedUpload : standard
      if (this.#sending.stalledCalls(upload.bytes, limit.bytes) > limit.sweeps) return 'upload-stalled'
    } else this.#sending = undefined
    return undefined
  }

  /** Restarts the built-in client timeout of uWebSockets.js where `stallReason` already checks the client's pace. */
  restartTimeout(): void {
    const { over, upload, res } = this.#end
    if (over || this.#reply?.restartTimeout() === true) return
    if ((this.#reply?.held === true || upload?.awaited === true) && upload?.paused !== true) {
      // Pause before `resume`: alone, `resume` would poll the socket for the events of the socket that was paused last.
      res.pause()
      res.resume()
    }
  }

  abort(): void {
    this.#socket?.abort()
    this.#end.abort()
  }

  release(): void {
    // Keep the exchange in flight while the last bytes of its reply wait for a slow client.
    if (!this.lingers) this.#inFlight.delete(this)
  }
}
