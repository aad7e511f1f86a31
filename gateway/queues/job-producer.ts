import { Supervisor } from '../base/supervisor.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { type JobContract, jobData, jobOptions } from './job-contract.ts'
import { Queues } from './queues.ts'

interface PendingJob<Payload> {
  readonly queue: string
  /** Deduplication id of the job. While a job with this id waits or runs, no other job with this id is added. */
  readonly id: string
  readonly payload: Payload
}

const FLUSH_MS = 25
const PENDING_MAX = 5000
const BATCH_MAX = 500

export type JobLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void

/**
 * Adds jobs of one kind in batches, in the background: the caller does not wait and receives no result. A job that
 * cannot be added is lost. The jobs may therefore only save time, and no feature may depend on them.
 */
export class JobProducer<Payload> {
  readonly #contract: JobContract<Payload>
  readonly #log: JobLog
  readonly #queues: Queues
  /**
   * Jobs that were not added yet, by queue and id.
   *
   * @bound {@link PENDING_MAX} jobs | further jobs are dropped; nothing depends on them | none
   */
  readonly #pending = new Map<string, PendingJob<Payload>>()
  readonly #task = new Supervisor('job-producer')
  /** Cancels the timer for the next write of the collected jobs to Redis. */
  #timer: (() => void) | undefined
  #failing = false

  constructor(contract: JobContract<Payload>, link: RedisLink, log: JobLog) {
    this.#contract = contract
    this.#queues = new Queues(contract.kind, link, `${contract.kind}-producer`)
    this.#log = log
  }

  add(queue: string, id: string, payload: Payload): void {
    if (this.#pending.size >= PENDING_MAX) return
    this.#pending.set(`${queue} ${id}`, { queue, id, payload })
    this.#timer ??= this.#task.after(FLUSH_MS, () => this.#flush())
  }

  async close(): Promise<void> {
    this.#timer?.()
    await this.#queues.close()
  }

  async #flush(): Promise<void> {
    try {
      await this.#addPending()
    } finally {
      this.#timer = this.#pending.size === 0 ? undefined : this.#task.after(FLUSH_MS, () => this.#flush())
    }
  }

  async #addPending(): Promise<void> {
    const batch = [...this.#pending.entries()].slice(0, BATCH_MAX)
    for (const [key] of batch) this.#pending.delete(key)
    const byQueue = Map.groupBy(
      batch.map(([, pending]) => pending),
      ({ queue }) => queue,
    )
    for (const [name, jobs] of byQueue) {
      try {
        await this.#add(name, jobs)
        this.#failing = false
      } catch (error) {
        if (!this.#failing)
          this.#log('warn', 'jobs cannot be added to the queue', { queue: name, reason: reasonOf(error) })
        this.#failing = true
      }
    }
  }

  async #add(name: string, jobs: readonly PendingJob<Payload>[]): Promise<void> {
    const queue = await this.#queues.of(name)
    const room = this.#contract.waitingMax - (await queue.getWaitingCount())
    const options = jobOptions(this.#contract)
    await queue.addBulk(
      jobs.slice(0, Math.max(0, room)).map(({ id, payload }) => ({
        name: this.#contract.kind,
        data: jobData(this.#contract, payload),
        opts: { ...options, deduplication: { id } },
      })),
    )
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200)
}
