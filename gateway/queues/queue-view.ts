import { Queue } from 'bullmq'
import type { RedisLink } from '../redis/redis-link.ts'

/** One queue, as it is now. */
export interface QueueListing {
  readonly queue: string
  readonly waiting: number
  readonly active: number
  /** Waiting for their time, or for another try. */
  readonly delayed: number
  readonly failed: number
  /** So long the oldest has waited for a worker, ms; 0 when none waits. */
  readonly lag_ms: number
  /** Workers that are connected. */
  readonly workers: number
  readonly last_failure: string | null
}

/** What the queues of one kind hold. */
export class QueueView {
  readonly #kind: string
  readonly #connection: ReturnType<RedisLink['queueConnection']>
  readonly #prefix: string

  constructor(kind: string, link: RedisLink) {
    this.#kind = kind
    this.#connection = link.queueConnection('producer', 'queue-view')
    this.#prefix = link.keys.queues(kind)
  }

  /**
   * @param names  of the queues
   * @throws {Error} as a rejection, when Redis does not answer
   */
  async list(names: readonly string[]): Promise<QueueListing[]> {
    return Promise.all(names.map((name) => this.#listing(name)))
  }

  async #listing(name: string): Promise<QueueListing> {
    const queue = new Queue(name, {
      connection: this.#connection,
      prefix: this.#prefix,
      skipVersionCheck: true,
    })
    queue.on('error', () => {})
    try {
      const [counts, [oldest], [failed], workers] = await Promise.all([
        queue.getJobCounts('waiting', 'active', 'delayed', 'failed'),
        queue.getJobs(['waiting'], 0, 0, true),
        queue.getFailed(0, 0),
        queue.getWorkersCount().catch(() => 0),
      ])
      const { waiting = 0, active = 0, delayed = 0, failed: failures = 0 } = counts
      return {
        queue: `${this.#kind}:${name}`,
        waiting,
        active,
        delayed,
        failed: failures,
        lag_ms: oldest === undefined ? 0 : Math.max(0, Date.now() - oldest.timestamp),
        workers,
        last_failure: failed?.failedReason ?? null,
      }
    } finally {
      await queue.close()
    }
  }
}
