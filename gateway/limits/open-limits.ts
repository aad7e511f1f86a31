import type { LimitRule } from '../base/limit-rule.ts'
import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { Settings } from '../config/settings.ts'
import { AddressLimit } from './address-limit.ts'
import { KnownAddresses } from './known-addresses.ts'
import { LimitService } from './limit-service.ts'
import { LimitSummaries } from './limit-summaries.ts'
import { Limiter } from './limiter.ts'
import { PermitStore } from './permit-store.ts'

export interface LimitsDependencies {
  readonly settings: Pick<Settings, 'addressLimit' | 'node'>
  /** The nodes that share the limits. `undefined` without Redis; each limit then applies to this node alone. */
  readonly cluster: Pick<ClusterRoom, 'link' | 'client' | 'members' | 'running'> | undefined
  /** Returns the limits of the current policy. */
  readonly rules: () => Iterable<LimitRule>
}

/** Rate limits of the policy, and this node's limits on unauthenticated clients. */
export interface LimitsRoom {
  readonly limiter: Limiter
  readonly service: LimitService
  /** Publishes and reads summaries of the fullest windows; `undefined` on a node without Redis. */
  readonly summaries: LimitSummaries | undefined
  readonly addressLimit: AddressLimit
  readonly knownAddresses: KnownAddresses
  /** Ends the summaries, and returns unspent permits to Redis when the node stops. */
  close(): Promise<void>
}

export function openLimits({ settings, cluster, rules }: LimitsDependencies): LimitsRoom {
  const store = cluster && new PermitStore(cluster.link)
  const limiter = new Limiter({ store, ...(cluster && { members: () => cluster.members.last }) })
  const service = new LimitService(limiter, store, rules)
  const summaries = cluster && openSummaries({ limiter, service }, settings.node.id, cluster)
  return {
    limiter,
    service,
    summaries,
    addressLimit: new AddressLimit(settings.addressLimit),
    knownAddresses: new KnownAddresses(),
    close: async () => {
      await summaries?.close()
      await limiter.close()
    },
  }
}

function openSummaries(
  room: Pick<LimitsRoom, 'limiter' | 'service'>,
  node: string,
  { client, link, running }: NonNullable<LimitsDependencies['cluster']>,
): LimitSummaries {
  return new LimitSummaries({ ...room, node, client, keys: link.keys, members: running })
}
