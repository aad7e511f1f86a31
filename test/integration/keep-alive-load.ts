import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import type { Wire } from '../kit/wire.ts'

interface LoadOptions {
  readonly port: number
  readonly connections: number
  /** Pause between a reply and the next request of a connection, ms. */
  readonly pauseMs: number
  /** Returns the request with this number, which counts the requests of all connections. */
  readonly request: (number: number) => Buffer
  /** Returns the fault of a reply, or `undefined` for a correct reply. */
  readonly faultOf: (reply: RawReply, number: number) => string | undefined
}

/** Result of the requests of all clients. */
export interface LoadResult {
  /** Number of correct replies. */
  readonly good: number
  readonly failures: readonly string[]
  /** Requests sent a second time, because their connection ended before the first byte of a reply. */
  readonly retried: number
  /** Connections that the node closed with `Connection: close` in a reply. */
  readonly closed: number
}

/**
 * Clients that send one request after the other, each over its own persistent connection.
 *
 * A request is sent once more, over a new connection, only if its connection ended before the first byte of a reply
 * (RFC 9112 §9.3.1). Every other fault is a failure.
 */
export class KeepAliveLoad {
  readonly #options: LoadOptions
  readonly #clients: Promise<void>[]
  readonly #failures: string[] = []
  #over = false
  #sent = 0
  #good = 0
  #retried = 0
  #closed = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#clients = Array.from({ length: options.connections }, () => this.#client())
  }

  get good(): number {
    return this.#good
  }

  /** Waits until the requests in progress have ended. */
  async stop(): Promise<LoadResult> {
    this.#over = true
    await Promise.all(this.#clients)
    return { good: this.#good, failures: this.#failures, retried: this.#retried, closed: this.#closed }
  }

  async #client(): Promise<void> {
    const { request, faultOf, pauseMs } = this.#options
    let wire: Wire | undefined
    while (!this.#over) {
      const number = this.#sent++
      try {
        wire = await this.#exchange(wire, request(number), (reply) => faultOf(reply, number))
      } catch (failure) {
        this.#failures.push(`request ${number}: ${(failure as Error).message}`)
        wire?.close()
        wire = undefined
      }
      await sleep(pauseMs)
    }
    wire?.close()
  }

  /** @returns the connection; `undefined` if it cannot be used again */
  async #exchange(
    kept: Wire | undefined,
    request: Buffer,
    faultOf: (reply: RawReply) => string | undefined,
  ): Promise<Wire | undefined> {
    let wire = kept ?? (await connect(this.#options.port))
    await wire.send(request)
    let reply = await readReply(wire)
    if (reply === undefined) {
      this.#retried++
      wire = await connect(this.#options.port)
      await wire.send(request)
      reply = await readReply(wire)
    }
    if (reply === undefined) throw new Error('twice no byte of a reply')

    const flaw = reply.complete ? faultOf(reply) : 'the reply broke off'
    if (flaw === undefined) this.#good++
    else throw new Error(flaw)
    if (reply.field('connection') !== 'close') return wire
    this.#closed++
    wire.close()
    return undefined
  }
}
