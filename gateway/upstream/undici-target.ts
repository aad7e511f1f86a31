import { type Dispatcher, Pool } from 'undici'
import { GatewayFault } from '../base/fault.ts'
import type { Target, UpstreamCall, UpstreamListener, UpstreamRequest } from './target.ts'

/** All in ms. */
export interface TargetTimeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly idleMs: number
}

const HEAD_MAX_BYTES = 64 * 1024
/** Beyond it requests wait for a connection; enough that only a service in trouble gets there. */
const CONNECTIONS_MAX = 1024

/** An upstream behind a keep-alive pool of undici connections, one request at a time on each. */
export class UndiciTarget implements Target {
  readonly origin: string
  readonly #pool: Pool
  #failures = 0
  /** Monotonic, ms: until then `Balancer` prefers another. */
  restUntil = 0

  constructor(origin: URL, timeouts: TargetTimeouts) {
    this.origin = origin.origin
    this.#pool = new Pool(origin, {
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      headersTimeout: timeouts.firstByteMs,
      bodyTimeout: timeouts.idleMs,
      maxHeaderSize: HEAD_MAX_BYTES,
      connect: { timeout: timeouts.connectMs, keepAlive: true },
    })
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
    const call = new UndiciCall(this, listener)
    this.#pool.dispatch(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.target,
        headers: request.fields,
        body: request.body ?? null,
      },
      call,
    )
    return call
  }

  succeeded(): void {
    this.#failures = 0
    this.restUntil = 0
  }

  /** Passive health: 1 s after the first connection that failed, twice as long after each further one, up to 16 s. */
  failed(): void {
    this.restUntil = performance.now() + 1000 * 2 ** Math.min(this.#failures++, 4)
  }

  /** Lets calls under way come to their end. */
  close(): void {
    this.#pool.close().catch(() => undefined)
  }
}

/** One dispatch: undici's events on one side, ours on the other. */
class UndiciCall implements Dispatcher.DispatchHandler, UpstreamCall {
  readonly #target: UndiciTarget
  readonly #listener: UpstreamListener
  #controller: Dispatcher.DispatchController | undefined
  #aborted = false
  #paused = false

  constructor(target: UndiciTarget, listener: UpstreamListener) {
    this.#target = target
    this.#listener = listener
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted) controller.abort(aborted)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _fields: unknown, text?: string): void {
    if (this.#aborted) return
    // An interim reply: the listener downstream has no way to send one.
    if (status < 200) return
    this.#target.succeeded()
    this.#listener.onHead(status, text ?? '', controller.rawHeaders as Buffer[])
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#aborted) return
    if (this.#listener.onData(chunk)) return
    this.#paused = true
    controller.pause()
  }

  onResponseEnd(): void {
    if (!this.#aborted) this.#listener.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#aborted) return
    const fault = faultOf(error, this.#target.origin)
    if (fault.reason === 'upstream-unreachable') this.#target.failed()
    this.#listener.onFault(fault)
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#controller?.resume()
  }

  abort(): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#controller?.abort(aborted)
  }
}

const aborted = new Error('the exchange was given up')

const unreachable = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'EACCES',
  'EADDRNOTAVAIL',
  'EMFILE',
  'UND_ERR_CONNECT_TIMEOUT',
])
const timedOut = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
const cutOff = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** undici's error as ours. `retryable`: nothing of the request can have been acted upon. */
function faultOf(error: Error, origin: string): GatewayFault {
  const { code } = error as NodeJS.ErrnoException
  const cause = { cause: error }
  if (code !== undefined && (unreachable.has(code) || code.startsWith('ERR_TLS') || code.startsWith('CERT_'))) {
    return new GatewayFault('upstream-unreachable', 'upstream', `${origin}: ${code}`, { ...cause, retryable: true })
  }
  if (code !== undefined && timedOut.has(code)) {
    return new GatewayFault('upstream-timeout', 'upstream', `${origin}: ${error.message}`, cause)
  }
  // A kept connection that its service closed just as we wrote: the request was never read (RFC 9112 §9.3.1).
  const served = (error as { socket?: { bytesRead?: number } }).socket?.bytesRead ?? 0
  const retryable = code !== undefined && cutOff.has(code) && served > 0
  return new GatewayFault('upstream-broken', 'upstream', `${origin}: ${error.message}`, { ...cause, retryable })
}
