import { type Job, UnrecoverableError } from 'bullmq'
import { isNewer, type JobContract } from '../gateway/queues/job-contract.ts'

/**
 * The work of a kind of job. A payload that breaks the contract fails at once, since no retry can mend it; one of a newer
 * version is tried again as after any failure, since a newer worker may be next.
 *
 * @throws {UnrecoverableError} naming what is wrong with the payload
 * @throws {Error} for a newer version
 */
export function handles<Payload>(
  contract: JobContract<Payload>,
  work: (payload: Payload) => Promise<unknown>,
): (job: Pick<Job, 'data'>) => Promise<unknown> {
  const { kind, payload: schema } = contract
  return async ({ data }) => {
    if (isNewer(contract, data))
      throw new Error(`this ${kind} job is of a newer version than the worker: upgrade workers`)
    const { data: payload, error } = schema.safeParse(data)
    if (error === undefined) return work(payload)
    const what = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
    throw new UnrecoverableError(`no ${kind} job: ${what.slice(0, 200)}`)
  }
}
