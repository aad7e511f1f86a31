import type { Commit } from '../base/commit.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { JobLog, JobProducer } from '../queues/job-producer.ts'
import { type RefreshSession, refreshSession } from '../queues/refresh-session.ts'
import type { RedisLink } from '../redis/redis-link.ts'

/** A session in use whose tokens shall be refreshed before they run out. */
export interface RefreshOrder {
  /** The issuer identifier. */
  readonly issuer: string
  readonly session: string
  /** That is about to run out: a newer one needs no refresh. */
  readonly version: number
}

/** Has workers refresh sessions ahead. What cannot be ordered is not: then the node does it by itself. */
export class RefreshQueue {
  readonly #link: RedisLink
  readonly #log: JobLog
  /** Names of issuers, which the queues have, by issuer identifier. */
  #names: ReadonlyMap<string, string> = new Map()
  readonly #task = new Supervisor('job-producer')
  #loading: Promise<void> | undefined
  #producer: JobProducer<RefreshSession> | undefined

  constructor(link: RedisLink, log: JobLog) {
    this.#link = link
    this.#log = log
  }

  /** Prepares to queue refreshes for exactly the login issuers of a policy. */
  prepare(issuers: Iterable<IssuerRules>): Commit {
    const names = new Map<string, string>()
    for (const { issuer, name, login } of issuers) if (login !== undefined) names.set(issuer, name)
    return () => {
      this.#names = names
      if (names.size > 0) this.#loading ??= this.#task.run(() => this.#load())
    }
  }

  want({ issuer, session, version }: RefreshOrder): void {
    const name = this.#names.get(issuer)
    if (name !== undefined) this.#producer?.want(name, session, { issuer: name, session, version })
  }

  async close(): Promise<void> {
    this.#task.stop()
    await this.#loading
    await this.#producer?.close()
  }

  /** Only where people log in: what drives the queues takes a moment to load, and memory. */
  async #load(): Promise<void> {
    const queues = await import('../queues/job-producer.ts')
    this.#producer = new queues.JobProducer(refreshSession, this.#link, this.#log)
  }
}
