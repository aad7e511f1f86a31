import { type Dispatcher, Pool } from 'undici'
import { upstreamConnector } from './connector.ts'
import { Health } from './health.ts'
import { Seats } from './seats.ts'
import {
  HEAD_MAX_BYTES,
  type PooledTarget,
  type UpstreamCall,
  type UpstreamListener,
  type UpstreamRequest,
} from './target.ts'
import { type CallKeeper, UndiciCall } from './undici-call.ts'

/** An https upstream, behind a keep-alive pool of undici connections, one request at a time on each. */
export class UndiciTarget implements PooledTarget, CallKeeper {
  readonly origin: string
  readonly #url: URL
  readonly #connectMs: number
  readonly #maxCalls: number
  #pool: Pool | undefined
  readonly #seats: Seats
  readonly health = new Health()

  /**
   * @param connectMs  longest wait for a connection, ms
   * @param maxCalls   under way at a time
   */
  constructor(origin: URL, connectMs: number, maxCalls: number) {
    this.origin = origin.origin
    this.#url = origin
    this.#seats = new Seats(origin.origin, maxCalls)
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
      // undici would ask for, and verify, the certificate of whatever the client wrote into Host.
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

  /** A call that still comes gets a pool of its own, whose connections close once they are idle. */
  close(): void {
    this.#pool?.close().catch(() => undefined)
    this.#pool = undefined
  }
}
