import type { z } from 'zod'

/** Contract between nodes and workers for one kind of job. */
export interface JobContract<Payload> {
  /** Name of the kind of job. Queues of one kind share a Redis Cluster slot, and each queue has its own name. */
  readonly kind: string
  /**
   * Schema of the payload. A payload contains ids and never secrets, because everyone with access to the queue can read
   * it. Unknown fields are ignored, because a node may have a newer version than the worker.
   */
  readonly payload: z.ZodType<Payload>
  /**
   * Version of the payload, 2 or higher; jobs of version 1 contain no version. Raise the version for a change that an
   * older worker must not ignore. An older worker then leaves the job to other workers.
   */
  readonly version?: number
  /** Maximum number of attempts of a job, including the first one. */
  readonly attempts: number
  /** Delay before the first retry of a failed job, ms. Doubles before each further retry, with random jitter. */
  readonly backoffMs: number
  /** Maximum number of waiting jobs in one queue; further jobs are not added. The limit matters when no worker runs. */
  readonly waitingMax: number
  /**
   * Interval of a repeating job, from the start of one run to the start of the next, ms. The success of a repeating job
   * is not logged.
   */
  readonly everyMs?: number
}

/**
 * Lock settings, equal for every worker of every queue, because the check for stalled jobs uses the longest interval of
 * any worker.
 */
export const workerTimes = {
  /** Time after which the lock of a failed worker on its job expires, ms. */
  lockDuration: 10_000,
  /** Time between checks for stalled jobs, ms. */
  stalledInterval: 5000,
  /**
   * Maximum number of times that the worker of a job can fail. After one more failure the job fails too, because the
   * job probably caused the failures.
   */
  maxStalledCount: 3,
} as const

/** Returns the job data to write: the payload, with its version if the contract has one. */
export function jobData<Payload>({ version }: JobContract<Payload>, payload: Payload): object {
  const data = payload as object
  return version === undefined ? data : { ...data, v: version }
}

/**
 * Whether a node wrote the job with a newer payload version than this worker knows. The data is untrusted, because the
 * schema has not validated the data yet.
 */
export function isNewer({ version = 1 }: JobContract<unknown>, data: unknown): boolean {
  const written = (data as { v?: unknown } | null)?.v
  return typeof written === 'number' && written > version
}

/**
 * BullMQ options for the jobs of a contract. BullMQ keeps up to 100 completed jobs for 1 hour and up to 1000 failed
 * jobs for 7 days.
 */
export function jobOptions({ attempts, backoffMs }: JobContract<unknown>) {
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoffMs, jitter: 0.5 },
    removeOnComplete: { count: 100, age: 3600 },
    removeOnFail: { count: 1000, age: 7 * 24 * 3600 },
  } as const
}
