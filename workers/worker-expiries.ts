import { Expiries, type ExpirySource } from '../gateway/base/expiries.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import type { Snapshot } from '../gateway/policy/snapshot.ts'
import { ExpiryWatch } from '../gateway/telemetry/expiry-watch.ts'
import type { WorkerLog } from './queue-workers.ts'

interface WorkerExpiriesDependencies {
  readonly secrets: Secrets
  /** Sources of expiry dates in addition to the settings of the worker, such as the keys of issuers. */
  readonly sources: readonly ExpirySource[]
  readonly policy: { readonly snapshot: Snapshot }
  readonly log: (level: Parameters<WorkerLog>[0] | 'error', ...rest: [string, Parameters<WorkerLog>[2]]) => void
}

/** Creates the watch that warns before secrets and certificates of a worker expire. */
export function workerExpiries({ secrets, sources, policy, log }: WorkerExpiriesDependencies): ExpiryWatch {
  // Leave out the secrets that only nodes use: the policy has expiry dates for them too.
  const stated = {
    expiries: () => {
      const held = new Set(secrets.list().map(({ name }) => name))
      return policy.snapshot.secretExpiries.filter(({ name }) => held.has(name))
    },
  }
  const expiries = new Expiries()
  expiries.add(stated, secrets, ...sources)
  return new ExpiryWatch(expiries, log)
}
