import { Supervisor } from '../base/supervisor.ts'
import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { ActivePolicy, PolicyLog } from './active-policy.ts'
import type { Envelopes } from './envelope.ts'
import { RevisionService } from './revision-service.ts'
import { RevisionStore } from './revision-store.ts'
import { Voter } from './voter.ts'

/** Time between two looks at the other members while this node cannot apply the active revision, ms. */
const LOOK_MS = 1000

export interface RevisionsDependencies {
  readonly policy: ActivePolicy
  readonly envelopes: Envelopes
  readonly node: { readonly id: string }
  readonly cluster: Pick<ClusterRoom, 'link' | 'cluster' | 'client'>
  readonly log: PolicyLog
}

/** The revisions of the cluster's policy, on a node with `policy.source: cluster`. */
export interface RevisionsRoom {
  readonly service: RevisionService
  /**
   * Whether this node must not be ready: it cannot apply the active revision, and another member has applied it. If no
   * member can apply it, all stay ready with the revision before.
   */
  readonly isBehind: boolean
  close(): void
}

/** Follows the policy of the cluster. Call before the node joins the cluster. */
export function openRevisions({ policy, envelopes, node, cluster, log }: RevisionsDependencies): RevisionsRoom {
  const { link, client } = cluster
  const store = new RevisionStore(client, link.keys)
  policy.attach(store)
  cluster.cluster.register(policy)
  cluster.cluster.register(new Voter({ node: node.id, store, envelopes, policy }))
  const service = new RevisionService({ policy, store, envelopes, cluster: cluster.cluster, log })
  let isBehind = false
  const look = async (): Promise<void> => {
    isBehind = policy.isHindered && (await isOvertaken(cluster.cluster, node.id, policy, isBehind))
  }
  // A joining node looks before it is ready for the first time.
  cluster.cluster.register({ kinds: [], apply: () => undefined, catchUp: look })
  const end = new Supervisor('policy-watch').repeat(LOOK_MS, async () => {
    await look()
    // After a rotation of the keys, and after one that could not be completed.
    if (policy.isMacOutdated && store.connected) await service.renewMacs()
  })
  return {
    service,
    get isBehind() {
      return isBehind && policy.isHindered
    },
    close: end,
  }
}

/** Whether another member enforces a later activation. `before`: the last answer, if Redis fails. */
async function isOvertaken(
  cluster: Pick<ClusterRoom['cluster'], 'list'>,
  own: string,
  { held }: ActivePolicy,
  before: boolean,
): Promise<boolean> {
  try {
    const members = await cluster.list()
    return members.some(({ id, policy_sequence: reached }) => id !== own && (reached ?? 0) > held.activation.sequence)
  } catch {
    return before
  }
}
