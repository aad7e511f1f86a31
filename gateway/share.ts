import { hostname } from 'node:os'
import type { RedisSettings } from './base/redis-place.ts'
import { Sealer } from './base/sealer.ts'
import { Cluster } from './cluster/cluster.ts'
import { EpochFile } from './cluster/epoch-file.ts'
import { MemberCount } from './cluster/member-count.ts'
import type { Settings } from './config/settings.ts'
import { PermitStore } from './limits/permit-store.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { RedisLink } from './redis/redis-link.ts'
import { RevocationDesk } from './revocation/revocation-desk.ts'
import { RevocationStore } from './revocation/revocation-store.ts'
import { Revocations } from './revocation/revocations.ts'
import { RefreshQueue } from './sessions/refresh-queue.ts'
import { Sessions, type SessionsParts } from './sessions/sessions.ts'
import type { NodeLog } from './telemetry/node-log.ts'
import { packageVersion } from './version.ts'

/** What a node has in common with the others. */
export interface Shared {
  readonly link: RedisLink
  readonly cluster: Cluster
  readonly revocations: Revocations
  readonly desk: RevocationDesk
  readonly permits: PermitStore
  readonly members: MemberCount
  /** `undefined`: there is no key to seal them with. */
  readonly sessions: Sessions | undefined
  readonly sessionQueue: RefreshQueue
  close(): Promise<void>
}

/** Connects a node to the Redis that it shares with the others; nothing is asked of it before `cluster.start()`. */
export function share(
  settings: Settings,
  redis: RedisSettings,
  log: NodeLog,
  snapshot: () => Snapshot,
  refreshing: Pick<SessionsParts, 'trade' | 'leaseMs'>,
): Shared {
  const write = log.log.bind(log)
  const link = new RedisLink(redis, write)
  const { maxStalenessMs, maxEntries, epochFile } = settings.revocation
  const { host, port } = settings.listen
  const client = link.client('receipt', 'cluster')
  const cluster = new Cluster({
    link,
    client,
    node: { id: settings.node.id, address: hostPort(host ?? hostname(), port), version: packageVersion },
    revision: () => snapshot().revision,
    boundMs: () => Math.max(maxStalenessMs, snapshot().revocationStaleMs),
    epochFile: epochFile === undefined ? undefined : new EpochFile(epochFile),
    log: write,
    // As any fault that nobody catches: the process ends, with a line that says why.
    unfit: (error) => setImmediate(() => Promise.reject(error)),
  })
  const store = new RevocationStore(client, link.keys)
  const { freshness, acknowledgements } = cluster
  const revocations = new Revocations({ store, freshness, maxStalenessMs, nowMs: () => cluster.agreedMs })
  cluster.register(revocations)
  const desk = new RevocationDesk({
    link,
    revocations,
    acknowledgements,
    issuers: () => snapshot().issuers,
    boundMs: () => cluster.boundMs,
    forgotten: (listed) => cluster.forgotten(listed),
    maxEntries,
    log: write,
  })
  const members = new MemberCount(cluster)
  const [first, ...others] = settings.keys.encryption
  const sessionQueue = new RefreshQueue(link, write)
  const sessions =
    first &&
    new Sessions({
      link,
      sealer: new Sealer([first, ...others]),
      heldMax: settings.sessions.cacheEntries,
      ended: (session) => revocations.ended(session, snapshot().issuers.get(session.issuer)?.clockToleranceS ?? 0),
      revoke: (order, options) => desk.revoke(order, options),
      ahead: sessionQueue,
      log: write,
      ...refreshing,
    })
  const close = async (): Promise<void> => {
    await sessions?.close()
    await sessionQueue.close()
    members.close()
    revocations.close()
    await Promise.all([cluster.close(), desk.close()])
    await link.close()
  }
  return { link, cluster, revocations, desk, permits: new PermitStore(link), members, sessions, sessionQueue, close }
}

export function hostPort(host: string | undefined, port: number): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
