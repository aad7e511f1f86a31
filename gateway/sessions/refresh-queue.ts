import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { JobLog, JobProducer } from '../queues/job-producer.ts'
import { type RefreshSession, refreshSession } from '../queues/refresh-session.ts'
import type { RedisLink } from '../redis/redis-link.ts'

/** Order to a worker to refresh the tokens of an active session before they expire. */
export interface SessionRefreshOrder {
  /** Identifier (`iss`) of the issuer of the session. */
  readonly issuer: string
  readonly session: string
  /** Version of the session whose tokens are about to expire. A newer version needs no refresh. */
  readonly version: number
}

/**
 * Queues session refreshes for workers. An order that cannot be queued is dropped: the node then refreshes the session
 * itself.
 */
export class RefreshQueue {
  readonly #link: RedisLink
  readonly #log: JobLog
  /** Issuer names by issuer identifier. Each queue is named after its issuer. @bound policy */
  #names: ReadonlyMap<string, string> = new Map()
  readonly #task = new Supervisor('job-producer')
  #loading: Promise<void> | undefined
  #producer: JobProducer<RefreshSession> | undefined

  constructor(link: RedisLink, log: JobLog) {
    this.#link = link
    this.#log = log
  }

  /** Prepares the job queues for session refreshes, for exactly the login issuers of a policy. */
  prepare(issuers: Iterable<IssuerRules>): Commit {
    const names = new Map<string, string>()
    for (const { issuer, name, login } of issuers) if (login !== undefined) names.set(issuer, name)
    return () => {
      this.#names = names
      if (names.size > 0) this.#loading ??= this.#task.run(() => this.#load())
    }
  }

  add({ issuer, session, version }: SessionRefreshOrder): void {
    const name = this.#names.get(issuer)
    if (name !== undefined) this.#producer?.add(name, session, { issuer: name, session, version })
  }

  async close(): Promise<void> {
    this.#task.stop()
    await this.#loading
    await this.#producer?.close()
  }

  /** Load the queue library (BullMQ) only when the policy has login issuers, because loading takes time and memory. */
  async #load(): Promise<void> {
    const queues = await import('../queues/job-producer.ts')
    this.#producer = new queues.JobProducer(refreshSession, this.#link, this.#log)
  }
}
