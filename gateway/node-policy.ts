import type { RedisSource } from './base/redis-topology.ts'
import type { KeyRings } from './config/key-rings.ts'
import type { Settings } from './config/settings.ts'
import { openPolicy, type PolicyRoom } from './policy/open-policy.ts'
import type { Snapshot } from './policy/snapshot.ts'
import type { PolicyLog } from './revisions/active-policy.ts'
import { type OpenedPolicy, openActivePolicy } from './revisions/open-active-policy.ts'

interface NodePolicyDependencies {
  readonly settings: Settings
  readonly redisSource: RedisSource | undefined
  readonly keyRings: KeyRings
  /** Checks that the settings contain all that the policy needs. @throws {ConfigError} */
  readonly check: (snapshot: Snapshot) => void
  readonly log: PolicyLog
}

interface NodePolicy {
  readonly policy: PolicyRoom
  /** The policy of the cluster; `undefined` with `policy.source: file`. */
  readonly activePolicy: OpenedPolicy | undefined
}

/**
 * Opens the policy of a node: that of its file, or that of the cluster.
 *
 * @throws {ConfigError} with all problems of the policy
 */
export async function openNodePolicy({ settings, check, ...rest }: NodePolicyDependencies): Promise<NodePolicy> {
  const { policy, publicUrls, node, redis } = settings
  if (policy.source === 'file') {
    return { policy: openPolicy({ path: policy.path, settings, check }), activePolicy: undefined }
  }
  const { redisSource, keyRings, log } = rest
  const activePolicy = await openActivePolicy({
    settings: { policy, node },
    publicUrls,
    check,
    role: 'node',
    // The settings require Redis for this source of the policy, so the cluster is open here.
    redis: redis!,
    ...(redisSource && { redisSource }),
    keyRings,
    log,
  })
  return { policy: activePolicy.policy, activePolicy }
}
