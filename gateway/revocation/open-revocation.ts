import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { Settings } from '../config/settings.ts'
import type { IdentifyOpaque } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { RevocationService, type RevocationServiceDependencies } from './revocation-service.ts'
import { RevocationStore } from './revocation-store.ts'
import { Revocations } from './revocations.ts'

export interface RevocationDependencies {
  readonly settings: Pick<Settings, 'revocation'>
  readonly cluster: Pick<ClusterRoom, 'link' | 'cluster' | 'client'>
  /** Issuers of the policy in force and of client certificates, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  /**
   * Finds the `jti` or the introspection response of an opaque token at its issuer. `undefined`: opaque tokens are
   * revoked by their text only.
   */
  readonly identify: IdentifyOpaque | undefined
  readonly log: RevocationServiceDependencies['log']
}

/** Revocations of the cluster. */
export interface RevocationRoom {
  /** The revocations that this node knows. */
  readonly revocations: Revocations
  readonly service: RevocationService
  close(): Promise<void>
}

/**
 * Opens the revocations of a node, and registers them as state that the cluster replicates. Call before the node joins
 * the cluster.
 */
export function openRevocation({ settings, issuers, identify, log, ...room }: RevocationDependencies): RevocationRoom {
  const { maxStalenessMs, maxEntries } = settings.revocation
  const { link, cluster, client } = room.cluster
  const { freshness, acknowledgements } = cluster
  const store = new RevocationStore(client, link.keys)
  const revocations = new Revocations({ store, freshness, maxStalenessMs, nowMs: () => cluster.agreedMs })
  cluster.register(revocations)
  const service = new RevocationService({
    link,
    revocations,
    acknowledgements,
    issuers,
    boundMs: () => cluster.boundMs,
    lostMembers: (listed) => cluster.lostMembers(listed),
    maxEntries,
    identify,
    log,
  })
  const close = async (): Promise<void> => {
    revocations.close()
    await service.close()
  }
  return { revocations, service, close }
}
