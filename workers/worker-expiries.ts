import { Expiries, type ExpirySource } from '../gateway/base/expiries.ts'
import type { Secrets } from '../gateway/config/secrets.ts'
import type { Snapshot } from '../gateway/policy/snapshot.ts'
import { ExpiryWatch } from '../gateway/telemetry/expiry-watch.ts'
import type { WorkerLog } from './queue-workers.ts'

interface WorkerExpiriesDependencies {
  readonly secrets: Secrets
  /** Settings of the worker, and keys of issuers. */
  readonly sources: readonly ExpirySource[]
  readonly policy: { readonly snapshot: Snapshot }
  readonly log: (level: Parameters<WorkerLog>[0] | 'error', ...rest: [string, Parameters<WorkerLog>[2]]) => void
}

/** Creates the watch of the secrets and certificates of a worker that have an expiry date. */
export function workerExpiries({ secrets, sources, policy, log }: WorkerExpiriesDependencies): ExpiryWatch {
  // The policy also states expiry dates of secrets that only nodes use.
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
