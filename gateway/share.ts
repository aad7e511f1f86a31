import { hostname } from 'node:os'
import { AuditDesk } from './audit/audit-desk.ts'
import { LogTrimmer } from './audit/log-trimmer.ts'
import { auditShards, shardOf } from './audit/shards.ts'
import type { RedisSettings } from './base/redis-place.ts'
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
  readonly audit: AuditDesk
  close(): Promise<void>
}

/** Connects a node to the Redis that it shares with the others; nothing is asked of it before `cluster.start()`. */
export function share(settings: Settings, redis: RedisSettings, log: NodeLog, snapshot: () => Snapshot): Shared {
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
  const logClient = link.client('receipt', 'audit-log')
  const sinks = settings.sinks.map(({ name }) => name)
  const audit = new AuditDesk({ link, client: logClient, sinks })
  const trimmer = new LogTrimmer({
    client: logClient,
    keys: link.keys,
    shard: shardOf(settings.node.id, auditShards(link.topology)),
    recentMs: settings.audit.recentMs,
    maxBytes: settings.audit.redisMaxBytes,
    sinks,
  })
  trimmer.start()
  const close = async (): Promise<void> => {
    members.close()
    trimmer.close()
    revocations.close()
    await Promise.all([cluster.close(), desk.close(), audit.close()])
    await link.close()
  }
  return { link, cluster, revocations, desk, permits: new PermitStore(link), members, audit, close }
}

export function hostPort(host: string | undefined, port: number): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
