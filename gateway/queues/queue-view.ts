import { Queue } from 'bullmq'
import type { RedisLink } from '../redis/redis-link.ts'

/** Current state of one job queue, for operators. The members have the names of the JSON reply. */
export interface QueueListing {
  readonly queue: string
  readonly waiting: number
  readonly active: number
  /** Number of jobs that wait for their scheduled time or for a retry. */
  readonly delayed: number
  readonly failed: number
  /** Age of the oldest waiting job, ms; 0 when no job waits. */
  readonly lag_ms: number
  /** Number of workers that are connected to the queue; `null` when not counted, or when Redis refuses CLIENT LIST. */
  readonly workers: number | null
  readonly last_failure: string | null
}

/** Reads the state of the queues of one kind. */
export class QueueView {
  readonly #kind: string
  readonly #connection: ReturnType<RedisLink['queueConnection']>
  readonly #prefix: string

  /** @param connection  connection of the queue library to Redis; by default, the view opens one */
  constructor(kind: string, link: RedisLink, connection = link.queueConnection('producer', 'queue-view')) {
    this.#kind = kind
    this.#connection = connection
    this.#prefix = link.keys.queues(kind)
  }

  /**
   * Reads the state of the named queues.
   *
   * @param names  names of the queues
   * @param countsWorkers  true: counts the workers too. Redis then lists all its clients for each queue
   * @throws {Error} as a rejection, when Redis does not reply
   */
  async list(names: readonly string[], countsWorkers = false): Promise<QueueListing[]> {
    return Promise.all(names.map((name) => this.#listing(name, countsWorkers)))
  }

  async #listing(name: string, countsWorkers: boolean): Promise<QueueListing> {
    const queue = new Queue(name, {
      connection: this.#connection,
      prefix: this.#prefix,
      skipVersionCheck: true,
      // Skip the metadata: otherwise the queue library resets the maximum length of the event stream, which `Queues`
      // sets, to 10,000.
      skipMetasUpdate: true,
    })
    queue.on('error', () => {})
    try {
      await queue.waitUntilReady()
      const [counts, oldestAt, failure, workers] = await Promise.all([
        queue.getJobCounts('waiting', 'active', 'delayed', 'failed'),
        this.#connection.lindex(queue.toKey('wait'), -1).then((id) => this.#read(queue, id, 'timestamp')),
        this.#connection.zrevrange(queue.toKey('failed'), 0, 0).then(([id]) => this.#read(queue, id, 'failedReason')),
        countsWorkers ? queue.getWorkersCount().catch(() => null) : null,
      ])
      const { waiting = 0, active = 0, delayed = 0, failed: failures = 0 } = counts
      return {
        queue: `${this.#kind}:${name}`,
        waiting,
        active,
        delayed,
        failed: failures,
        lag_ms: Math.max(0, Date.now() - (Number(oldestAt) || Date.now())),
        workers,
        last_failure: failure,
      }
    } finally {
      await queue.close()
    }
  }

  /** Reads a single field of a job. The rest of the job is not parsed, so a forged job cannot cause an error. */
  async #read(queue: Queue, id: string | null | undefined, field: string): Promise<string | null> {
    return id == null ? null : this.#connection.hget(queue.toKey(id), field)
  }
}
