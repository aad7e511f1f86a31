import { randomBytes } from 'node:crypto'
import type { Commit } from '../base/commit.ts'
import type { KeyRing } from '../base/key-ring.ts'
import { Sealer, type SealKey } from '../base/sealer.ts'
import { Supervisor } from '../base/supervisor.ts'
import type { Secrets } from '../config/secrets.ts'
import { Introspectors } from '../issuers/introspectors.ts'
import type { IssuerLog } from '../issuers/key-set.ts'
import type { KeySource } from '../issuers/key-source.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { introspectToken } from '../queues/introspect-token.ts'
import type { JobProducer } from '../queues/job-producer.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import type { IntrospectionRefresh, RefreshService } from './introspected-tokens.ts'
import { SharedAnswers } from './shared-answers.ts'
import { TokenAnswers } from './token-answers.ts'

export interface IntrospectionDependencies {
  /** Public keys of the issuers, which verify signed introspection responses. */
  readonly keys: KeySource
  /** Keys that encrypt stored introspection responses. */
  readonly encryption: KeyRing<SealKey>
  /** Connection to Redis; `undefined` for a node without Redis, which introspects each token itself. */
  readonly link: RedisLink | undefined
  readonly secrets: Secrets
  readonly log: IssuerLog
}

/** Introspection of tokens for a node: calls to issuers, shared responses, and the refresh of responses by workers. */
export class Introspection {
  readonly answers: TokenAnswers
  /**
   * Queues refreshes of introspection responses for workers; `undefined` without Redis or without an encryption key.
   */
  readonly refresh: RefreshService | undefined
  readonly #dependencies: IntrospectionDependencies
  readonly #introspectors: Introspectors
  #producer: JobProducer<IntrospectionRefresh> | undefined
  readonly #task = new Supervisor('job-producer')
  #loading: Promise<void> | undefined

  constructor(dependencies: IntrospectionDependencies) {
    const { keys, encryption, link, secrets, log } = dependencies
    const following = Sealer.following(encryption)
    // Without Redis, use a random key for the hashes: no other node reads the introspection responses.
    const sealer = following ?? new Sealer([{ id: 'own', secret: randomBytes(32) }])
    const shared = link && following && new SharedAnswers(link.store, link.keys, sealer)
    this.#dependencies = dependencies
    this.#introspectors = new Introspectors({ keys, secrets, log })
    this.answers = new TokenAnswers({ introspectors: this.#introspectors, sealer, shared })
    this.refresh = shared && { want: (order) => this.#producer?.add(order.issuer, order.token, order) }
  }

  /**
   * Prepares introspection at the issuers of a policy.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(issuers: readonly IssuerRules[]): Commit {
    const { link } = this.#dependencies
    const asks = issuers.some(({ introspection }) => introspection !== undefined)
    const follow = this.#introspectors.prepare(issuers)
    return () => {
      follow()
      if (asks && link !== undefined) this.#loading ??= this.#task.run(() => this.#loadQueues(link))
    }
  }

  async close(): Promise<void> {
    this.#task.stop()
    await this.#loading
    await this.#producer?.close()
    await this.#introspectors.close()
  }

  /** Loads the queue module. Called only when it is used, because loading costs start-up time and memory. */
  async #loadQueues(link: RedisLink): Promise<void> {
    const queues = await import('../queues/job-producer.ts')
    this.#producer = new queues.JobProducer(introspectToken, link, this.#dependencies.log)
  }
}
