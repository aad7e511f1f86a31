import { setTimeout as sleep } from 'node:timers/promises'
import type { Http2Client } from '../kit/http2-client.ts'

/** HTTP/2 clients that send sequential requests through a load balancer until `stop()` is called. */
export class BalancedLoad {
  readonly #clients: Promise<void>[]
  readonly failures: string[] = []
  good = 0
  #stopped = false

  /**
   * @param token  returns the token of the next request
   * @param pauseMs  pause between a reply and the next request of a client, in milliseconds
   */
  constructor(clients: readonly Http2Client[], token: () => string, pauseMs: number) {
    this.#clients = clients.map((client) => this.#run(client, token, pauseMs))
  }

  /** Waits until `count` more requests have succeeded, or until one request has failed. */
  async more(count: number): Promise<void> {
    const goal = this.good + count
    while (this.good < goal && this.failures.length === 0) await sleep(10)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #run(client: Http2Client, token: () => string, pauseMs: number): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const path = `/orders/${number}`
      try {
        const { status, text } = await client.get(path, { authorization: `Bearer ${token()}` })
        if (status === 200 && text === path) this.good += 1
        else this.failures.push(`${status} ${text}`)
      } catch (failure) {
        this.failures.push((failure as Error).message)
      }
      await sleep(pauseMs)
    }
  }
}
