import { DelayedError, type Job, Worker } from 'bullmq'
import type { Commit } from '../gateway/base/commit.ts'
import { Supervisor } from '../gateway/base/supervisor.ts'
import type { JobQueue } from '../gateway/policy/job-queues.ts'
import { type JobContract, jobData, workerTimes } from '../gateway/queues/job-contract.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'
import { JobContinuation } from './job-continuation.ts'
import { causeOf } from './traced-job.ts'

export type WorkerLog = (
  level: 'debug' | 'info' | 'warn',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void

interface QueueWorkersDependencies {
  readonly contract: JobContract<unknown>
  readonly link: RedisLink
  readonly concurrency: number
  readonly work: (job: Pick<Job, 'data' | 'id' | 'queueName'>) => Promise<unknown>
  readonly log: WorkerLog
}

/** Processes the queues of one job kind, with one BullMQ worker per queue. */
export class QueueWorkers {
  readonly #dependencies: QueueWorkersDependencies
  readonly #connection: ReturnType<RedisLink['queueConnection']>
  readonly #task = new Supervisor('queue-workers')
  /** Workers by the name of their queue. @bound policy */
  readonly #workers = new Map<string, { readonly ratePerS: number; readonly worker: Worker }>()

  constructor(dependencies: QueueWorkersDependencies) {
    this.#dependencies = dependencies
    this.#connection = dependencies.link.queueConnection('worker', `${dependencies.contract.kind}-worker`)
  }

  /** Processes exactly these queues from now on: calls {@link prepare} and the function that it returns. */
  retain(queues: readonly JobQueue[]): void {
    this.prepare(queues)()
  }

  /**
   * Prepares to process exactly these queues. The returned function opens BullMQ workers for new queues, and closes
   * those of all other queues when their running jobs have ended. Names are checked before, so that the returned
   * function does not throw.
   *
   * @throws {Error} for a queue name that BullMQ rejects
   */
  prepare(queues: readonly JobQueue[]): Commit {
    const invalid = queues.find(({ name }) => name === '' || name.includes(':'))
    if (invalid !== undefined) throw new Error(`queue name \`${invalid.name}\`: expected a name without \`:\``)
    return () => this.#retain(queues)
  }

  #retain(queues: readonly JobQueue[]): void {
    const wanted = new Map(queues.map((queue) => [queue.name, queue]))
    for (const [name, { worker, ratePerS }] of this.#workers) {
      if (wanted.get(name)?.ratePerS === ratePerS) continue
      this.#workers.delete(name)
      void this.#task.attempt(() => worker.close())
    }
    for (const queue of queues) {
      if (this.#workers.has(queue.name)) continue
      this.#workers.set(queue.name, { ratePerS: queue.ratePerS, worker: this.#work(queue) })
    }
  }

  /** Waits up to `graceMs` for running jobs. A job that still runs after this time is taken over by another worker. */
  async close(graceMs: number): Promise<void> {
    const workers = [...this.#workers.values()].map(({ worker }) => worker)
    const closed = Promise.all(workers.map((worker) => worker.close().catch(() => {})))
    const late = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref())
    await Promise.race([closed, late])
    await Promise.race([
      Promise.all(workers.map((worker) => worker.close(true).catch(() => {}))),
      new Promise((resolve) => setTimeout(resolve, 1000).unref()),
    ])
  }

  #work({ name, ratePerS }: JobQueue): Worker {
    const { contract, link, concurrency, log } = this.#dependencies
    const worker = new Worker(name, (job, token) => this.#run(job, token), {
      ...workerTimes,
      connection: this.#connection,
      prefix: link.keys.queues(contract.kind),
      concurrency,
      limiter: { max: ratePerS, duration: 1000 },
      skipVersionCheck: true,
    })
    let trouble: string | undefined
    worker.on('error', (error) => {
      // Log an error reply of Redis or an invalid job. A lost connection is logged by the Redis link. Log the same
      // error again only after a job has completed or another error has occurred.
      if (!isRefusal(error) || error.message === trouble) return
      trouble = error.message
      log('warn', 'queue worker reported an error and continues', {
        queue: `${contract.kind}:${name}`,
        reason: trouble.slice(0, 200),
      })
    })
    const level = contract.everyMs === undefined ? 'info' : 'debug'
    worker.on('completed', (job, result) => {
      trouble = undefined
      log(level, 'job done', {
        queue: `${contract.kind}:${name}`,
        job: job.id,
        result,
        ms: tookMs(job),
        ...traceOf(job),
      })
    })
    worker.on('failed', (job, error) => {
      const fields = {
        queue: `${contract.kind}:${name}`,
        job: job?.id,
        attempt: job?.attemptsMade,
        final: job === undefined || job.finishedOn !== undefined,
        ...traceOf(job),
      }
      log('warn', 'job failed', { ...fields, reason: error.message.slice(0, 200) })
    })
    worker.on('stalled', (job) =>
      log('warn', 'stalled job put back into its queue: the lock of its worker had expired', {
        queue: `${contract.kind}:${name}`,
        job,
      }),
    )
    return worker
  }

  async #run(job: Job, token: string | undefined): Promise<unknown> {
    const result = await this.#dependencies.work(job)
    if (!(result instanceof JobContinuation)) return result
    await job.updateData(jobData(this.#dependencies.contract, result.payload))
    await job.moveToDelayed(Date.now(), token)
    throw new DelayedError()
  }
}

/**
 * Returns a log field with the trace id of the exchange that caused the job; no field if the exchange was not traced.
 */
function traceOf(job: Job | undefined): { trace_id?: string } {
  const cause = job && causeOf(job)
  return cause === undefined ? {} : { trace_id: cause.traceId }
}

/** Whether Redis rejected a command, or the stored job is not valid JSON. */
function isRefusal(error: Error): boolean {
  return error.name === 'ReplyError' || error instanceof SyntaxError
}

function tookMs({ processedOn, finishedOn }: Job): number {
  return (finishedOn ?? 0) - (processedOn ?? 0)
}
