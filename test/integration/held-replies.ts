import type { UpstreamHandler } from '../kit/upstream.ts'

/** Handler of a service whose replies the test holds. */
export class Held {
  /** Number of requests whose replies are held. */
  waiting = 0
  #mode: 'reply' | 'hold' | 'stream' = 'reply'
  #released = Promise.withResolvers<void>()

  readonly handler: UpstreamHandler = async (received, response) => {
    await received.over
    const mode = this.#mode
    if (mode === 'stream') {
      response.setHeader('content-type', 'text/event-stream')
      response.write('data: 1\n\n')
    }
    if (mode !== 'reply') {
      this.waiting++
      await this.#released.promise
    }
    response.end(mode === 'stream' ? 'data: 2\n\n' : 'ok')
  }

  /** Holds the replies to further requests. */
  hold(): void {
    this.#mode = 'hold'
  }

  /** Sends an event to further requests, and holds the rest of their replies. */
  stream(): void {
    this.#mode = 'stream'
  }

  /** Sends all held replies, and holds no further ones. */
  release(): void {
    this.#mode = 'reply'
    this.waiting = 0
    this.#released.resolve()
    this.#released = Promise.withResolvers()
  }
}
