import type { RedisSource } from './base/redis-topology.ts'
import { type ClusterRoom, openCluster } from './cluster/open-cluster.ts'
import type { Settings } from './config/settings.ts'
import type { Drains } from './drains/drains.ts'
import { openDrains } from './drains/open-drains.ts'
import type { PolicyRoom } from './policy/open-policy.ts'
import type { OpenedPolicy } from './revisions/open-active-policy.ts'
import type { NodeLog } from './telemetry/node-log.ts'
import type { TargetRegistry } from './upstream/target-registry.ts'

interface NodeClusterDependencies {
  readonly settings: Settings
  readonly redisSource: RedisSource | undefined
  readonly policy: PolicyRoom
  /** The policy of the cluster; `undefined` with `policy.source: file`. */
  readonly activePolicy: OpenedPolicy | undefined
  readonly targets: Pick<TargetRegistry, 'drain'>
  readonly log: NodeLog['log']
}

/** Membership of a node in its cluster, and the drains of upstreams that the nodes share. */
export interface NodeCluster extends ClusterRoom {
  readonly drains: Drains
}

/** Opens the membership of a node in its cluster; `undefined` without Redis. */
export function openNodeCluster(dependencies: NodeClusterDependencies): NodeCluster | undefined {
  const { settings, redisSource, policy, activePolicy, targets, log } = dependencies
  const { redis } = settings
  if (redis === undefined || redisSource === undefined) return undefined
  const room = openCluster({
    settings,
    redis,
    redisSource,
    revision: () => policy.current.revision,
    activation: activePolicy && (() => activePolicy.policy.published),
    emptySince: activePolicy?.emptySince,
    staleMs: () => policy.current.revocationStaleMs,
    log,
    onFatal: endProcess,
  })
  return { ...room, drains: openDrains(room, targets, log) }
}

/** Ends the process like an uncaught exception, with a log line that states the reason. */
function endProcess(error: unknown): void {
  setImmediate(() => Promise.reject(error))
}
