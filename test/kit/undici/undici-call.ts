import type { Dispatcher } from 'undici'
import { GatewayFault } from '../../../gateway/base/fault.ts'
import { trimOptionalWhitespace } from '../../../gateway/base/optional-whitespace.ts'
import type { Share } from '../../../gateway/upstream/client-counts.ts'
import type { Seated } from '../../../gateway/upstream/concurrency-limiter.ts'
import type { Health } from '../../../gateway/upstream/health.ts'
import { MalformedReply } from '../../../gateway/upstream/malformed-reply.ts'
import { FIELDS_MAX, ReplyHead } from '../../../gateway/upstream/reply-head.ts'
import type { UpstreamCall, UpstreamListener } from '../../../gateway/upstream/target.ts'
import { connectionPast } from './connector.ts'

/** The part of an upstream target that its calls use. */
export interface CallKeeper {
  readonly origin: string
  readonly health: Health
  /** Called once when the call has ended, for whatever reason. */
  ended(call: UndiciCall): void
}

/** One undici dispatch: translates undici's events into events of `UpstreamListener`. */
export class UndiciCall implements Dispatcher.DispatchHandler, UpstreamCall, Seated {
  readonly #keeper: CallKeeper
  readonly #listener: UpstreamListener
  #controller: Dispatcher.DispatchController | undefined
  /** True once a byte of the reply has arrived. The service may have acted on the request, so it is not sent again. */
  #answered = false
  #over = false
  #dispatched = false
  #paused = false
  /** Always 0: reads are not counted, because this client supports no WebSockets and relays nothing. */
  readonly reads = 0
  readonly client: Uint8Array | undefined
  share: Share | undefined

  constructor(keeper: CallKeeper, listener: UpstreamListener, client: Uint8Array | undefined) {
    this.#keeper = keeper
    this.#listener = listener
    this.client = client
  }

  /**
   * Called by undici directly before it writes the request head: within `dispatch`, or later, when a connection has
   * been opened or an idle connection has been validated.
   */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(givenUp)
    else if (this.#dispatched) this.#listener.onOpen()
  }

  /** Marks that `dispatch` has returned. A request that has not started by then waits for a connection. */
  dispatched(): void {
    this.#dispatched = true
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _fields: unknown, text = ''): void {
    // Interim replies (1xx) are discarded: the gate's HTTP server cannot send them to the client.
    if (this.#over || status < 200) return
    const fields = controller.rawHeaders as Buffer[]
    // undici reports an exception of this method to `onResponseError` and closes the connection.
    if (!plainlyFramed(fields)) throw new MalformedReply('the reply has a transfer coding other than chunked')
    if (fields.length > 2 * FIELDS_MAX) throw new MalformedReply(`the reply head has more than ${FIELDS_MAX} fields`)
    const head = ReplyHead.of(status, text, fields, announcedLength(fields))
    this.#keeper.health.succeeded()
    this.#listener.onHead(head)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over || this.#listener.onData(chunk)) return
    this.#paused = true
    controller.pause()
  }

  onResponseEnd(): void {
    if (this.#end()) this.#listener.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (!this.#end()) return
    const fault = faultOf(error, this.#keeper.origin, this.#answered)
    if (fault.reason === 'upstream-unreachable') this.#keeper.health.failed()
    this.#listener.onFault(fault)
  }

  /** Ends a call that never started, with a fault. */
  refuse(fault: GatewayFault): void {
    if (this.#end()) this.#listener.onFault(fault)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#controller?.resume()
  }

  /** Does nothing: undici cannot change the timeouts of a request in progress. */
  allowSilence(): void {}

  discard(): void {
    this.abort()
  }

  abort(): void {
    if (this.#end()) this.#controller?.abort(givenUp)
  }

  /**
   * Ends the call.
   *
   * @returns false if the call had ended before
   */
  #end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#keeper.ended(this)
    return true
  }
}

const givenUp = new Error('the exchange was cancelled')

/**
 * Whether the only transfer coding of the reply is a single `chunked`, or none (RFC 9112 §6.1). undici's parser decodes
 * `chunked` only, and treats some other codings as identity. The client would then receive a coded body without a field
 * that names the coding, so such a reply is malformed.
 */
function plainlyFramed(fields: readonly Buffer[]): boolean {
  let seen = false
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.length !== 17 || name.toString('latin1').toLowerCase() !== 'transfer-encoding') continue
    if (seen || trimOptionalWhitespace(fields[i + 1]!.toString('latin1')).toLowerCase() !== 'chunked') return false
    seen = true
  }
  return true
}

/**
 * Returns the value of `Content-Length`. undici's parser accepts at most one such field, of at most 64 bits.
 *
 * @throws {MalformedReply} above 2^53
 */
function announcedLength(fields: readonly Buffer[]): number | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.length !== 14 || name.toString('latin1').toLowerCase() !== 'content-length') continue
    const length = Number(fields[i + 1]!.toString('latin1'))
    if (!Number.isSafeInteger(length)) throw new MalformedReply('the Content-Length of the reply is above 2^53')
    return length
  }
  return undefined
}

const timedOut = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/**
 * Maps an error of undici to a fault. `retryable` is true if no connection was opened, or if a reused connection broke
 * before the first byte of the reply. In the second case the service may have received the request, so the caller
 * repeats only safe requests.
 */
function faultOf(error: Error, origin: string, answered: boolean): GatewayFault {
  const { code } = error as NodeJS.ErrnoException
  const past = connectionPast(error)
  const cause = { cause: error }
  if (past === 'never-open') {
    const message = `${origin}: no connection to the upstream (${code ?? error.message})`
    return new GatewayFault('upstream-unreachable', 'upstream', message, { ...cause, retryable: true })
  }
  if (code !== undefined && timedOut.has(code)) {
    return new GatewayFault('upstream-timeout', 'upstream', `${origin}: ${error.message}`, cause)
  }
  // Most likely the service closed the idle connection before it read the request (RFC 9112 §9.3.1): retry is possible.
  const retryable = past === 'used' && !answered
  return new GatewayFault('upstream-broken', 'upstream', `${origin}: ${error.message}`, { ...cause, retryable })
}
