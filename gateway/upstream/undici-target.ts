import { type Dispatcher, Pool } from 'undici'
import { GatewayFault } from '../base/fault.ts'
import { upstreamConnector } from './connector.ts'
import type { Target, UpstreamCall, UpstreamListener, UpstreamRequest } from './target.ts'
import { type CallKeeper, UndiciCall } from './undici-call.ts'

const HEAD_MAX_BYTES = 64 * 1024
/** Calls under way, one on a connection. Beyond it a call is refused: nothing would bound its wait for a connection. */
const CALLS_MAX = 1024

/** An upstream behind a keep-alive pool of undici connections, one request at a time on each. */
export class UndiciTarget implements Target, CallKeeper {
  readonly origin: string
  readonly #url: URL
  readonly #connectMs: number
  #pool: Pool | undefined
  #calls = 0
  #failures = 0
  /** Monotonic, ms: until then `Balancer` prefers another. */
  restUntil = 0

  /** @param connectMs  longest wait for a connection */
  constructor(origin: URL, connectMs: number) {
    this.origin = origin.origin
    this.#url = origin
    this.#connectMs = connectMs
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
    const call = new UndiciCall(this, listener)
    if (this.#calls++ >= CALLS_MAX) {
      const message = `${this.origin}: ${CALLS_MAX} calls are under way`
      const full = new GatewayFault('upstream-unreachable', 'upstream', message, { retryable: true })
      queueMicrotask(() => call.refuse(full))
      return call
    }
    this.#pool ??= this.#open()
    const dispatched = {
      method: request.method as Dispatcher.HttpMethod,
      path: request.target,
      headers: request.fields,
      body: request.body ?? null,
      headersTimeout: request.timeouts.firstByteMs,
      bodyTimeout: request.timeouts.idleMs,
      // undici would ask for, and verify, the certificate of whatever the client wrote into Host.
      servername: this.#url.hostname,
    }
    this.#pool.dispatch(dispatched, call)
    return call
  }

  #open(): Pool {
    return new Pool(this.#url, {
      connections: CALLS_MAX,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: HEAD_MAX_BYTES,
      connect: upstreamConnector(this.#url, this.#connectMs),
    })
  }

  succeeded(): void {
    this.#failures = 0
    this.restUntil = 0
  }

  /**
   * Passive health: 1 s after the first connection that failed, twice as long after each further one, up to 16 s. Those
   * that fail while it rests count as one: a burst of calls says no more than its first.
   */
  failed(): void {
    const now = performance.now()
    if (now >= this.restUntil) this.restUntil = now + 1000 * 2 ** Math.min(this.#failures++, 4)
  }

  ended(): void {
    this.#calls--
  }

  /**
   * Lets calls under way come to their end. An exchange that was decided under the policy before may still come: it gets
   * a pool of its own, whose connections close once they are idle.
   */
  close(): void {
    this.#pool?.close().catch(() => undefined)
    this.#pool = undefined
  }
}
