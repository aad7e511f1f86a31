import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import type { Wire } from '../kit/wire.ts'

interface LoadOptions {
  readonly port: number
  readonly connections: number
  /** Between a reply and the next request of a connection. */
  readonly pauseMs: number
  /** The request with this number, counted over all connections. */
  readonly request: (number: number) => Buffer
  /** What is wrong with a reply; `undefined` for nothing. */
  readonly judge: (reply: RawReply, number: number) => string | undefined
}

/** What came of it. */
export interface LoadResult {
  /** Replies in which nothing was wrong. */
  readonly good: number
  readonly failures: readonly string[]
  /** Requests that were sent a second time, since their connection was gone before the first byte of a reply. */
  readonly retried: number
  /** Connections that the node asked to end by `Connection: close`. */
  readonly closed: number
}

/**
 * Clients that send one request after the other, each over a connection that it keeps.
 *
 * A request is sent once more, over a new connection, only when its own was over before the first byte of a reply: what
 * RFC 9112 §9.3.1 lets a client do. Everything else that is not a good reply is a failure.
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

  /** Lets the requests under way come to their end. */
  async stop(): Promise<LoadResult> {
    this.#over = true
    await Promise.all(this.#clients)
    return { good: this.#good, failures: this.#failures, retried: this.#retried, closed: this.#closed }
  }

  async #client(): Promise<void> {
    const { request, judge, pauseMs } = this.#options
    let wire: Wire | undefined
    while (!this.#over) {
      const number = this.#sent++
      try {
        wire = await this.#exchange(wire, request(number), (reply) => judge(reply, number))
      } catch (failure) {
        this.#failures.push(`request ${number}: ${(failure as Error).message}`)
        wire?.close()
        wire = undefined
      }
      await sleep(pauseMs)
    }
    wire?.close()
  }

  /** @returns the connection, if it may be used again */
  async #exchange(
    kept: Wire | undefined,
    request: Buffer,
    judge: (reply: RawReply) => string | undefined,
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

    const flaw = reply.complete ? judge(reply) : 'the reply broke off'
    if (flaw === undefined) this.#good++
    else throw new Error(flaw)
    if (reply.field('connection') !== 'close') return wire
    this.#closed++
    wire.close()
    return undefined
  }
}
