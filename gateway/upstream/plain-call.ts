import type { Readable } from 'node:stream'
import type { GatewayFault } from '../base/fault.ts'
import type { RequestHead } from './request-head.ts'
import type { RequestTimeouts, UpstreamCall, UpstreamListener } from './target.ts'

/** The connection that carries a call. */
interface Carrier {
  resume(): void
  destroy(): void
}

/** One request and its reply on a connection. Over once: by its end, by a fault, or given up. */
export class PlainCall implements UpstreamCall {
  readonly listener: UpstreamListener
  readonly timeouts: RequestTimeouts
  readonly body: Readable | undefined
  /** HEAD: the reply has no body, whatever it says. */
  readonly bodyless: boolean
  readonly #ended: () => void
  head: RequestHead | undefined
  connection: Carrier | undefined
  #over = false

  /** @param ended  told once, however the call ends */
  constructor(
    request: { readonly method: string; readonly body: Readable | undefined; readonly timeouts: RequestTimeouts },
    listener: UpstreamListener,
    ended: () => void,
  ) {
    this.listener = listener
    this.timeouts = request.timeouts
    this.body = request.body
    this.bodyless = request.method === 'HEAD'
    this.#ended = ended
  }

  /** @returns whether it was not over already */
  end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.connection = undefined
    this.#ended()
    return true
  }

  fail(fault: GatewayFault): void {
    if (this.end()) this.listener.onFault(fault)
  }

  resume(): void {
    this.connection?.resume()
  }

  abort(): void {
    const connection = this.connection
    if (this.end()) connection?.destroy()
  }
}
