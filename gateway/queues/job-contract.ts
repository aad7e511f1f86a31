import type { z } from 'zod'

/** One kind of job: what nodes and workers agree on. */
export interface JobContract<Payload> {
  /** Queues of the kind share a slot of a cluster, and have names of their own. */
  readonly kind: string
  /**
   * Ids, never secrets: whoever looks into the queue reads it. Fields that it does not name are overlooked: nodes may be of a
   * newer version than workers.
   */
  readonly payload: z.ZodType<Payload>
  /**
   * Of the payload, from 2; 1 is not written. To be raised by a change that an older worker must not overlook: it then
   * leaves the job to others.
   */
  readonly version?: number
  readonly attempts: number
  /** Before the first retry, ms; doubled before each further one, and jittered. */
  readonly backoffMs: number
  /** So many jobs may wait in one queue; more are not added. Bounds what piles up while no worker runs. */
  readonly waitingMax: number
  /** A job that comes again by itself: so long after one begins the next does, ms. That it is done is no news. */
  readonly everyMs?: number
}

/** The same for every worker of every queue: the check for stalled jobs goes by the longest interval of any of them. */
export const workerTimes = {
  /** So long a job belongs to a worker that has died, ms. */
  lockDuration: 10_000,
  stalledInterval: 5000,
  /** A job that outlived its worker that often is to blame for it. */
  maxStalledCount: 3,
} as const

/** The payload as it is written, with its version. */
export function jobData<Payload>({ version }: JobContract<Payload>, payload: Payload): object {
  const data = payload as object
  return version === undefined ? data : { ...data, v: version }
}

/** Whether a node wrote it that knows a newer version than this worker. The payload is anybody's until its schema has been asked. */
export function isNewer({ version = 1 }: JobContract<unknown>, data: unknown): boolean {
  const written = (data as { v?: unknown } | null)?.v
  return typeof written === 'number' && written > version
}

/** How a job of this kind is added. What is done is kept for a look at it, not for ever. */
export function jobOptions({ attempts, backoffMs }: JobContract<unknown>) {
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoffMs, jitter: 0.5 },
    removeOnComplete: { count: 100, age: 3600 },
    removeOnFail: { count: 1000, age: 7 * 24 * 3600 },
  } as const
}
