import type { Queue } from 'bullmq'
import { redisFault } from '../redis/redis-fault.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { type JobContract, jobData, jobOptions } from './job-contract.ts'
import { Queues } from './queues.ts'

/**
 * Time by which the next run of a repeating job may be later than its interval, ms. A later run was computed by a clock
 * that was ahead.
 */
const LATE_MS = 5000

/** Schedules repeating and single jobs of one kind. At most one job per queue runs at a time in the whole cluster. */
export class JobSchedule<Payload> {
  readonly #contract: JobContract<Payload>
  readonly #queues: Queues

  constructor(contract: JobContract<Payload>, link: RedisLink) {
    this.#contract = contract
    this.#queues = new Queues(contract.kind, link, `${contract.kind}-schedule`)
  }

  /**
   * Schedules a repeating job. A second call with the same id replaces the schedule. Must be called again from time to
   * time: a worker computes the next run by its own clock, so after the clock of a worker was ahead, the next run can
   * be hours away.
   *
   * @throws {RedisFault} as a rejection
   */
  async repeat(queue: string, id: string, payload: Payload, everyMs: number): Promise<void> {
    const { removeOnComplete, removeOnFail, attempts } = jobOptions(this.#contract)
    const opts = { removeOnComplete, removeOnFail, attempts }
    const template = { name: this.#contract.kind, data: jobData(this.#contract, payload), opts }
    await this.#call(queue, (each) => each.setGlobalConcurrency(1))
    const next = (await this.#call(queue, (each) => each.getJobScheduler(id)))?.next
    if (next !== undefined && next - Date.now() > everyMs + LATE_MS) await this.remove(queue, id)
    await this.#call(queue, (each) => each.upsertJobScheduler(id, { every: everyMs }, template))
  }

  /**
   * Adds one job to its queue.
   *
   * @throws {RedisFault} as a rejection
   */
  async add(queue: string, payload: Payload, options: object): Promise<void> {
    const kept = jobOptions(this.#contract)
    await this.#call(queue, (each) =>
      each.add(this.#contract.kind, jobData(this.#contract, payload), { ...kept, ...options }),
    )
  }

  /**
   * Removes the schedule of a repeating job.
   *
   * @returns whether the schedule existed
   * @throws {RedisFault} as a rejection
   */
  async remove(queue: string, id: string): Promise<boolean> {
    return this.#call(queue, (each) => each.removeJobScheduler(id))
  }

  async close(): Promise<void> {
    await this.#queues.close()
  }

  async #call<T>(queue: string, call: (queue: Queue) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#queues.of(queue))
    } catch (error) {
      throw redisFault(error)
    }
  }
}
