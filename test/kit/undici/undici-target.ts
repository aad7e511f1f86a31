import { type Dispatcher, Pool } from 'undici'
import { ConcurrencyLimiter } from '../../../gateway/upstream/concurrency-limiter.ts'
import { Health } from '../../../gateway/upstream/health.ts'
import {
  HEAD_MAX_BYTES,
  type PooledTarget,
  type UpstreamCall,
  type UpstreamListener,
  type UpstreamRequest,
} from '../../../gateway/upstream/target.ts'
import { upstreamConnector } from './connector.ts'
import { type CallKeeper, UndiciCall } from './undici-call.ts'

/**
 * An upstream that is called with undici, one request at a time on each connection. Its parser (llhttp) is the reference
 * for the gate's own client in differential tests.
 */
export class UndiciTarget implements Omit<PooledTarget, 'upgrade'>, CallKeeper {
  readonly origin: string
  readonly peer = undefined
  readonly warm = (): void => undefined
  readonly #url: URL
  readonly #connectMs: number
  readonly #maxCalls: number
  #pool: Pool | undefined
  readonly #seats: ConcurrencyLimiter
  readonly health = new Health()
  readonly certificateUntilMs = undefined
  readonly protocol = 'http1'
  readonly connections = 0
  readonly calls = 0
  readonly limit = 0

  /**
   * @param connectMs  longest time to establish a connection, ms
   * @param maxCalls   maximum number of concurrent calls
   */
  constructor(origin: URL, connectMs: number, maxCalls: number) {
    this.origin = origin.origin
    this.#url = origin
    this.#seats = new ConcurrencyLimiter(origin.origin, maxCalls)
    this.#connectMs = connectMs
    this.#maxCalls = maxCalls
  }

  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamCall {
    const call = new UndiciCall(this, listener, request.client)
    const full = this.#seats.take(call)
    if (full !== undefined) {
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
      // Without `servername`, undici would request and verify a certificate for the client's `Host` value.
      servername: this.#url.hostname,
    }
    this.#pool.dispatch(dispatched, call)
    call.dispatched()
    return call
  }

  #open(): Pool {
    return new Pool(this.#url, {
      connections: this.#maxCalls,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: HEAD_MAX_BYTES,
      connect: upstreamConnector(this.#url, this.#connectMs),
    })
  }

  ended(call: UndiciCall): void {
    this.#seats.leave(call)
  }

  /** Closes the connection pool gracefully. A later call opens a new pool, whose connections close when idle. */
  close(): void {
    this.#pool?.close().catch(() => undefined)
    this.#pool = undefined
  }
}
