import { type Job, UnrecoverableError } from 'bullmq'
import { isNewer, type JobContract } from '../gateway/queues/job-contract.ts'

/**
 * Wraps the handler of one kind of job: the payload is validated with the contract's schema first. A job with an
 * invalid payload fails without a retry. A job of a newer version is retried, because a newer worker can process it.
 *
 * @throws {UnrecoverableError} for an invalid payload; the message names the invalid fields
 * @throws {Error} for a job of a newer version
 */
export function handles<Payload>(
  contract: JobContract<Payload>,
  work: (payload: Payload) => Promise<unknown>,
): (job: Pick<Job, 'data'>) => Promise<unknown> {
  const { kind, payload: schema } = contract
  return async ({ data }) => {
    if (isNewer(contract, data)) throw new Error(`this ${kind} job was written by a newer version; upgrade the workers`)
    const { data: payload, error } = schema.safeParse(data)
    if (error === undefined) return work(payload)
    const what = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
    throw new UnrecoverableError(`invalid ${kind} job: ${what.slice(0, 200)}`)
  }
}
