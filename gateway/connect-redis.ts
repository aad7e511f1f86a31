import { hostname } from 'node:os'
import { AuditLog } from './audit/audit-log.ts'
import { AuditService } from './audit/audit-service.ts'
import { AuditTrail } from './audit/audit-trail.ts'
import { LogReader } from './audit/log-reader.ts'
import { LogTrimmer } from './audit/log-trimmer.ts'
import { LogVerifier } from './audit/log-verifier.ts'
import { auditShards, shardOf } from './audit/shards.ts'
import { Spill } from './audit/spill.ts'
import type { RedisSettings } from './base/redis-topology.ts'
import { Sealer } from './base/sealer.ts'
import { packageVersion } from './base/version.ts'
import { Cluster } from './cluster/cluster.ts'
import { EpochFile } from './cluster/epoch-file.ts'
import { MemberCount } from './cluster/member-count.ts'
import { ConfigError, nowhere, problem } from './config/problem.ts'
import type { Settings } from './config/settings.ts'
import { PermitStore } from './limits/permit-store.ts'
import type { IdentifyOpaque } from './oauth/opaque-identity.ts'
import type { Snapshot } from './policy/snapshot.ts'
import { RedisLink } from './redis/redis-link.ts'
import { RevocationService } from './revocation/revocation-service.ts'
import { RevocationStore } from './revocation/revocation-store.ts'
import { Revocations } from './revocation/revocations.ts'
import { RefreshQueue } from './sessions/refresh-queue.ts'
import { Sessions, type SessionsDependencies } from './sessions/sessions.ts'
import type { NodeLog } from './telemetry/node-log.ts'

/** Components that a node with Redis shares with the other nodes. */
export interface RedisRooms {
  readonly link: RedisLink
  readonly cluster: Cluster
  readonly revocations: Revocations
  readonly revocationService: RevocationService
  readonly permits: PermitStore
  readonly members: MemberCount
  readonly audit: AuditService
  readonly trail: AuditTrail
  readonly auditVerifier: LogVerifier
  /** `undefined`: no encryption key for sessions is configured. */
  readonly sessions: Sessions | undefined
  readonly sessionQueue: RefreshQueue
  close(): Promise<void>
}

/** Connects a node to the Redis that all nodes share. Queries nothing before `cluster.start()`. */
export function connectRedis(
  settings: Settings,
  redis: RedisSettings,
  log: NodeLog,
  snapshot: () => Snapshot,
  refreshing: Pick<SessionsDependencies, 'trade' | 'leaseMs'>,
  identify: IdentifyOpaque | undefined,
): RedisRooms {
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
    // Handled like any uncaught fault: the process ends with a log line that states the reason.
    unfit: (error) => setImmediate(() => Promise.reject(error)),
  })
  const store = new RevocationStore(client, link.keys)
  const { freshness, acknowledgements } = cluster
  const revocations = new Revocations({ store, freshness, maxStalenessMs, nowMs: () => cluster.agreedMs })
  cluster.register(revocations)
  const service = new RevocationService({
    link,
    revocations,
    acknowledgements,
    issuers: () => snapshot().issuers,
    boundMs: () => cluster.boundMs,
    forgotten: (listed) => cluster.forgotten(listed),
    maxEntries,
    identify,
    log: write,
  })
  const members = new MemberCount(cluster)
  const logClient = link.client('receipt', 'audit-service')
  const sinks = settings.sinks.map(({ name }) => name)
  const audit = new AuditService({ link, client: logClient, sinks })
  const trimmer = new LogTrimmer({
    client: logClient,
    keys: link.keys,
    shard: shardOf(settings.node.id, auditShards(link.topology)),
    recentMs: settings.audit.recentMs,
    maxBytes: settings.audit.redisMaxBytes,
    sinks,
  })
  trimmer.start()
  const trail = openTrail(settings, link, write)
  const auditVerifier = new LogVerifier({
    streams: auditStreams(link),
    trail,
    keys: settings.keys.audit,
    running: async () => new Set((await cluster.list()).map(({ id }) => id)),
  })
  const [first, ...others] = settings.keys.encryption
  const sessionQueue = new RefreshQueue(link, write)
  const sessions =
    first &&
    new Sessions({
      link,
      sealer: new Sealer([first, ...others]),
      heldMax: settings.sessions.cacheEntries,
      ended: (session) => revocations.ended(session, snapshot().issuers.get(session.issuer)?.clockToleranceS ?? 0),
      revoked: (id) => revocations.sessionRevoked(id, snapshot().issuers.keys()),
      heardMs: () => cluster.heardMs,
      absoluteMs: (issuer) => snapshot().issuers.get(issuer)?.login?.lifetime.absoluteMs,
      revoke: (order, options) => service.revoke(order, options),
      ahead: sessionQueue,
      log: write,
      ...refreshing,
    })
  const close = async (): Promise<void> => {
    await sessions?.close()
    await sessionQueue.close()
    await trail.close()
    members.close()
    trimmer.close()
    revocations.close()
    await Promise.all([cluster.close(), service.close(), audit.close()])
    await link.close()
  }
  return {
    link,
    cluster,
    revocations,
    revocationService: service,
    permits: new PermitStore(link),
    members,
    audit,
    trail,
    auditVerifier,
    sessions,
    sessionQueue,
    close,
  }
}

function openTrail(settings: Settings, link: RedisLink, warn: NodeLog['log']): AuditTrail {
  const { node, audit, keys } = settings
  const spill = audit.spill && openSpill(audit.spill)
  if (spill === undefined) {
    warn('warn', 'without audit.spill audit records wait in memory while Redis is away, and are lost with the node')
  }
  if (keys.audit.length === 0) {
    warn('warn', 'without keys.audit the audit log shows what is missing, and not what somebody wrote anew')
  }
  return new AuditTrail({
    node: { id: node.id, version: packageVersion },
    key: keys.audit[0],
    log: new AuditLog(link.client('log', 'audit'), link, shardOf(node.id, auditShards(link.topology))),
    spill,
    redisMaxBytes: audit.redisMaxBytes,
    memoryBytes: audit.memoryBytes,
    warn,
  })
}

/** Opens all streams of the log on a separate connection. Reads are large and must not delay writes. */
function auditStreams(link: RedisLink): { log: AuditLog; reader: LogReader }[] {
  const client = link.client('receipt', 'audit-reader')
  return Array.from({ length: auditShards(link.topology) }, (_, shard) => ({
    log: new AuditLog(client, link, shard),
    reader: new LogReader(client, link.keys, shard),
  }))
}

/** @throws {ConfigError} when the folder cannot be used */
function openSpill({ path, maxBytes }: NonNullable<Settings['audit']['spill']>): Spill {
  try {
    return new Spill(path, maxBytes)
  } catch (error) {
    const hint = 'name a folder that this node alone may write to'
    const message = `${path} cannot be used: ${(error as Error).message}`
    throw new ConfigError([problem('GH_CONFIG_VALUE', message, ['audit', 'spill', 'path'], nowhere, hint)])
  }
}

export function hostPort(host: string | undefined, port: number): string {
  if (host === undefined) return `:${port}`
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
