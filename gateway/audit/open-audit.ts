import { packageVersion } from '../base/version.ts'
import type { KeyRings } from '../config/key-rings.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'
import type { Settings } from '../config/settings.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { AuditLog } from './audit-log.ts'
import { AuditService } from './audit-service.ts'
import { AuditTrail } from './audit-trail.ts'
import { LogReader } from './log-reader.ts'
import { LogTrimmer } from './log-trimmer.ts'
import { LogVerifier } from './log-verifier.ts'
import { auditShards, shardOf } from './shards.ts'
import { Spill } from './spill.ts'

export interface AuditDependencies {
  readonly settings: Pick<Settings, 'node' | 'audit' | 'sinks'>
  readonly keyRings: Pick<KeyRings, 'audit'>
  readonly link: RedisLink
  /** Returns the ids of the nodes that are currently running. */
  readonly running: () => Promise<ReadonlySet<string>>
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void
}

/**
 * The audit log as a node uses it. `trail` takes the records of this node; `service` and `verifier` work on the log of
 * the whole cluster.
 */
export interface AuditRoom {
  readonly trail: AuditTrail
  readonly service: AuditService
  readonly verifier: LogVerifier
  /** Writes the waiting audit records to Redis within 2 s, and closes the audit log. */
  close(): Promise<void>
}

/**
 * Opens the audit log. The node opens its own chain of records with `trail.open`.
 *
 * @throws {ConfigError} when the folder for the spill files cannot be used
 */
export function openAudit({ settings, keyRings, link, running, log }: AuditDependencies): AuditRoom {
  const client = link.client('receipt', 'audit-service')
  const sinks = settings.sinks.map(({ name }) => name)
  const service = new AuditService({ link, client, sinks, auditKeys: () => keyRings.audit.keys })
  const trimmer = new LogTrimmer({
    client,
    keys: link.keys,
    shard: shardOf(settings.node.id, auditShards(link.topology)),
    recentMs: settings.audit.recentMs,
    maxBytes: settings.audit.redisMaxBytes,
    sinks,
  })
  trimmer.start()
  const { audit: ring } = keyRings
  const trail = openTrail(settings, ring, link, log)
  ring.changed(() => trail.sealWith(ring.writer))
  const verifier = new LogVerifier({ streams: auditStreams(link), trail, keys: () => ring.keys, running })
  const close = async (): Promise<void> => {
    await trail.close()
    trimmer.close()
    await service.close()
  }
  return { trail, service, verifier, close }
}

function openTrail(
  { node, audit }: AuditDependencies['settings'],
  ring: KeyRings['audit'],
  link: RedisLink,
  log: AuditDependencies['log'],
): AuditTrail {
  const spill = audit.spill && openSpill(audit.spill)
  if (spill === undefined) {
    log(
      'warn',
      'audit.spill is not set: while Redis is unavailable, audit records wait in memory, and a crash loses the records',
    )
  }
  if (ring.writer === undefined) {
    log('warn', 'keys.audit is not set: the audit log shows missing records, but does not detect forged records')
  }
  return new AuditTrail({
    node: { id: node.id, version: packageVersion },
    key: ring.writer,
    log: new AuditLog(link.client('log', 'audit'), link, shardOf(node.id, auditShards(link.topology))),
    spill,
    redisMaxBytes: audit.redisMaxBytes,
    memoryBytes: audit.memoryBytes,
    warn: log,
  })
}

/** Opens all streams of the audit log on a separate Redis connection, because large reads must not delay writes. */
function auditStreams(link: RedisLink): { log: AuditLog; reader: LogReader }[] {
  const client = link.client('receipt', 'audit-reader')
  return Array.from({ length: auditShards(link.topology) }, (_, shard) => ({
    log: new AuditLog(client, link, shard),
    reader: new LogReader(client, link.keys, shard),
  }))
}

/**
 * Opens the spill files of the node (audit records that Redis did not accept).
 *
 * @throws {ConfigError} when the folder of the spill files cannot be used
 */
function openSpill({ path, maxBytes }: NonNullable<Settings['audit']['spill']>): Spill {
  try {
    return new Spill(path, maxBytes)
  } catch (error) {
    const hint = 'set audit.spill.path to a folder that only this node may write to'
    const message = `${path} cannot be used: ${(error as Error).message}`
    throw new ConfigError([problem('GH_CONFIG_VALUE', message, ['audit', 'spill', 'path'], nowhere, hint)])
  }
}
