import { type Job, UnrecoverableError } from 'bullmq'
import type { JobContract } from '../gateway/queues/job-contract.ts'

/**
 * The work of a kind of job. A payload that breaks the contract fails at once, since no retry can mend it.
 *
 * @throws {UnrecoverableError} naming what is wrong with the payload
 */
export function handles<Payload>(
  { kind, payload: schema }: JobContract<Payload>,
  work: (payload: Payload) => Promise<unknown>,
): (job: Pick<Job, 'data'>) => Promise<unknown> {
  return ({ data }) => {
    const { data: payload, error } = schema.safeParse(data)
    if (error === undefined) return work(payload)
    const what = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
    throw new UnrecoverableError(`no ${kind} job: ${what.slice(0, 200)}`)
  }
}
