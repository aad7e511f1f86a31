import { setTimeout as sleep } from 'node:timers/promises'
import type { Http2Client } from '../kit/http2-client.ts'

/** Clients that ask one thing after the other through a balancer, until they are stopped. */
export class BalancedLoad {
  readonly #clients: Promise<void>[]
  readonly failures: string[] = []
  good = 0
  #over = false

  /**
   * @param token  for the next request
   * @param pauseMs  between a reply and the next request of a client
   */
  constructor(clients: readonly Http2Client[], token: () => string, pauseMs: number) {
    this.#clients = clients.map((client) => this.#run(client, token, pauseMs))
  }

  /** Waits until so many more were answered well. */
  async more(count: number): Promise<void> {
    const goal = this.good + count
    while (this.good < goal && this.failures.length === 0) await sleep(10)
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#clients)
  }

  async #run(client: Http2Client, token: () => string, pauseMs: number): Promise<void> {
    for (let number = 0; !this.#over; number++) {
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
