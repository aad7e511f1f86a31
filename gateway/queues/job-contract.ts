import type { z } from 'zod'

/** One kind of job: what nodes and workers agree on. */
export interface JobContract<Payload> {
  /** Queues of the kind share a slot of a cluster, and have names of their own. */
  readonly kind: string
  /** Ids, never secrets: whoever looks into the queue reads it. */
  readonly payload: z.ZodType<Payload>
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

/** How a job of this kind is added. What is done is kept for a look at it, not for ever. */
export function jobOptions({ attempts, backoffMs }: JobContract<unknown>) {
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoffMs, jitter: 0.5 },
    removeOnComplete: { count: 100, age: 3600 },
    removeOnFail: { count: 1000, age: 7 * 24 * 3600 },
  } as const
}
