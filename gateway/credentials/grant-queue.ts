import { Supervisor } from '../base/supervisor.ts'
import type { ClientGrant } from '../oauth/client-grant.ts'
import type { JobLog, JobProducer } from '../queues/job-producer.ts'
import { type RenewGrant, renewGrant } from '../queues/renew-grant.ts'
import type { RedisLink } from '../redis/redis-link.ts'

/** Queues jobs by which workers renew tokens. A job that cannot be queued is dropped: a node then renews the token. */
export class GrantQueue {
  readonly #link: RedisLink
  readonly #log: JobLog
  readonly #task = new Supervisor('job-producer')
  #producer: Promise<JobProducer<RenewGrant>> | undefined

  constructor(link: RedisLink, log: JobLog) {
    this.#link = link
    this.#log = log
  }

  /**
   * Queues a job by which a worker renews the token of a grant.
   *
   * @param token  id of the token that is due for renewal
   */
  order({ id, rules }: ClientGrant, token: string): void {
    const payload = { issuer: rules.name, grant: id, token }
    void this.#task.attempt(async () => {
      this.#producer ??= this.#load()
      const producer = await this.#producer
      producer.add(rules.name, `${id}-${token}`, payload)
    })
  }

  async close(): Promise<void> {
    const producer = await this.#producer
    await producer?.close()
  }

  /** Load the queue library (BullMQ) only when a token is due, because loading takes time and memory. */
  async #load(): Promise<JobProducer<RenewGrant>> {
    const queues = await import('../queues/job-producer.ts')
    return new queues.JobProducer(renewGrant, this.#link, this.#log)
  }
}
