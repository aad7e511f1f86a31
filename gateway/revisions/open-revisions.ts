import { Supervisor } from '../base/supervisor.ts'
import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { MetricSource } from '../telemetry/metrics.ts'
import type { Traffic } from '../telemetry/traffic.ts'
import type { ActivePolicy, PolicyLog } from './active-policy.ts'
import type { Envelopes } from './envelope.ts'
import { RevisionService } from './revision-service.ts'
import { RevisionStore } from './revision-store.ts'
import { RolloutMetrics } from './rollout-metrics.ts'
import { RolloutStore } from './rollout-store.ts'
import { RolloutWatch } from './rollout-watch.ts'
import { Rollouts } from './rollouts.ts'
import { Voter } from './voter.ts'

/**
 * Time between two checks of the other members while this node cannot apply the active revision, ms. Below 1 s, the
 * smallest `revocation.max_staleness`.
 */
const LOOK_MS = 500

export interface RevisionsDependencies {
  readonly policy: ActivePolicy
  readonly envelopes: Envelopes
  readonly node: { readonly id: string }
  readonly cluster: Pick<ClusterRoom, 'link' | 'cluster' | 'client'>
  /** Counters of the requests that this node has handled, for the comparison of canaries. */
  readonly traffic: Pick<Traffic, 'outcomes'>
  readonly log: PolicyLog
  /** Whether any process of the cluster has a key of kind `policy`. @throws {RedisFault} as a rejection */
  readonly isKeyHeld: (id: string) => Promise<boolean>
}

/** The policy revisions of the cluster, on a node with `policy.source: cluster`. */
export interface RevisionsRoom {
  readonly service: RevisionService
  readonly rollouts: Rollouts
  readonly metrics: MetricSource
  /**
   * Whether this node must report that it is not ready: it cannot apply the active revision, and another member has
   * applied it. If no member can apply the active revision, all members stay ready with the previous revision.
   */
  readonly isBehind: boolean
  close(): void
}

/** Makes this node follow the policy of the cluster. Call this before the node joins the cluster. */
export function openRevisions({
  policy,
  envelopes,
  node,
  cluster,
  traffic,
  log,
  isKeyHeld,
}: RevisionsDependencies): RevisionsRoom {
  const { link, client } = cluster
  const store = new RevisionStore(client, link.keys)
  const { key, freshness } = cluster.cluster
  policy.attach(store, {
    key,
    lastRead: () => freshness.lastRead,
    isKnownElsewhere: async (id) =>
      (await isKeyHeld(id)) || (await othersEnforce(cluster.cluster, node.id, policy)) !== 'older',
  })
  cluster.cluster.register(policy)
  cluster.cluster.register(new Voter({ node: node.id, store, envelopes, policy }))
  const rolloutStore = new RolloutStore(client, link.keys)
  const metrics = new RolloutMetrics(() => policy.held.activation.canary !== undefined)
  const common = { policy, store, rollouts: rolloutStore, envelopes, cluster: cluster.cluster, metrics, log }
  const service = new RevisionService(common)
  const rollouts = new Rollouts(common)
  const isConnected = () => store.connected
  const watch = new RolloutWatch({ ...common, rollouts, store: rolloutStore, traffic, node, member: key, isConnected })
  let isBehind = false
  const look = async (): Promise<void> => {
    // Try the policy activation again: the fault may have ended, for example a Redis that did not reply.
    if (policy.isHindered && store.connected) await policy.check().catch(() => undefined)
    const others = policy.isHindered ? await othersEnforce(cluster.cluster, node.id, policy) : 'older'
    if (others !== undefined) isBehind = others === 'newer'
    // Refuse requests from `fenced_by` on: no node may decide by a revision that another node has replaced.
    cluster.cluster.freshness.limitTo(others === 'older' ? undefined : policy.hinderedSince)
  }
  // Make this check of the policy before a joining node is ready for the first time.
  cluster.cluster.register({ kinds: [], apply: () => undefined, catchUp: look })
  const end = new Supervisor('policy-watch').repeat(LOOK_MS, async () => {
    await look()
    // Replace MACs that were made with an old key: after a rotation of the keys, and after a replacement that did not
    // complete.
    if (policy.isMacOutdated && store.connected) await service.renewMacs()
  })
  return {
    service,
    rollouts,
    metrics,
    get isBehind() {
      return isBehind && policy.isHindered
    },
    close() {
      watch.close()
      end()
    },
  }
}

/**
 * Compares the revision that the other members enforce with the revision of this node, which cannot apply the active
 * revision. `newer`: another member enforces a later activation. `older`: no member can apply the active revision, or
 * no such member is left. `undefined`: not known yet, or Redis failed.
 */
async function othersEnforce(
  cluster: Pick<ClusterRoom['cluster'], 'list'>,
  own: string,
  { held, failed }: ActivePolicy,
): Promise<'newer' | 'older' | undefined> {
  const members = await cluster.list().catch(() => undefined)
  const others = members?.filter(({ id, policy_sequence }) => id !== own && policy_sequence !== null)
  if (others === undefined) return undefined
  if (others.some(({ policy_sequence }) => policy_sequence! > held.activation.sequence)) return 'newer'
  const wanted = failed?.activation.sequence ?? 0
  return others.every(({ policy_failed }) => (policy_failed ?? 0) >= wanted) ? 'older' : undefined
}
