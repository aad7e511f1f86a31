import type { Queue } from 'bullmq'
import type { RedisLink } from '../redis/redis-link.ts'

/** Queues of one kind, for adding jobs. All queues share one connection, and each is created at its first use. */
export class Queues {
  readonly #connection: ReturnType<RedisLink['queueConnection']>
  readonly #prefix: string
  /** Job queues by name. @bound policy */
  readonly #queues = new Map<string, Queue>()
  /**
   * Resolves when the first attempt to connect to Redis has succeeded or failed. A job that is added earlier would fail
   * immediately.
   */
  readonly #attempted: Promise<void>

  /** @param name  name of the Redis connection */
  constructor(kind: string, link: RedisLink, name: string) {
    this.#connection = link.queueConnection('producer', name)
    this.#prefix = link.keys.queues(kind)
    this.#attempted = new Promise((resolve) => {
      for (const event of ['ready', 'close', 'end']) this.#connection.once(event, resolve)
    })
  }

  /**
   * Waits for the end of the first attempt to connect to Redis. Loads the queue library at the first call, because
   * loading takes time and memory, and many nodes add no job.
   */
  async of(name: string): Promise<Queue> {
    const { Queue } = await import('bullmq')
    await this.#attempted
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new Queue(name, {
        connection: this.#connection,
        prefix: this.#prefix,
        skipWaitingForReady: true,
        skipVersionCheck: true,
        streams: { events: { maxLen: 1000 } },
      })
      // Ignore the connection error of the queues here, because `RedisLink` logs a lost connection.
      queue.on('error', () => {})
      this.#queues.set(name, queue)
    }
    return queue
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => {})))
  }
}
