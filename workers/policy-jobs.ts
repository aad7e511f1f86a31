import type { Commit } from '../gateway/base/commit.ts'
import type { Sealer } from '../gateway/base/sealer.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import type { Settings } from '../gateway/config/settings.ts'
import type { IssuerKeys } from '../gateway/issuers/issuer-keys.ts'
import type { IssuerRules } from '../gateway/oauth/token-facts.ts'
import type { JobQueues } from '../gateway/policy/job-queues.ts'
import type { Snapshot } from '../gateway/policy/snapshot.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'
import type { Revoker } from '../gateway/revocation/revoker.ts'
import type { MetricSource } from '../gateway/telemetry/metrics.ts'
import type { Tracer } from '../gateway/telemetry/tracer.ts'
import type { QueueWorkers, WorkerLog } from './queue-workers.ts'

/** Objects of a worker that the jobs of all kinds use. */
export interface JobResources {
  readonly settings: Pick<Settings, 'node' | 'worker'>
  readonly secrets: Secrets
  readonly keys: IssuerKeys
  readonly link: RedisLink
  readonly sealer: Sealer
  /** Issuers of the policy in force, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly revoker: Revoker
  /** Tracer of the worker; `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  readonly log: WorkerLog
}

/** The queues of one kind of job, and the clients of issuers that its jobs use. */
export interface PolicyJobs {
  readonly queues: QueueWorkers
  /**
   * Prepares the clients that the jobs use for a new policy. The returned function puts them into effect.
   *
   * @throws {ConfigError} when a secret cannot be read
   */
  prepare(snapshot: Snapshot): Commit
  /** Closes the clients that the jobs use. Must be called after the queues are closed. */
  close(): Promise<void>
  readonly metrics?: MetricSource
}

/** One kind of job whose queues depend on the policy. `policy-job-kinds.ts` lists all kinds. */
export interface PolicyJobKind extends JobQueues {
  open(resources: JobResources): PolicyJobs
}
