import type { Commit } from '../base/commit.ts'
import { Sealer } from '../base/sealer.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { KeyRings } from '../config/key-rings.ts'
import type { Settings } from '../config/settings.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { JobLog } from '../queues/job-producer.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { RefreshQueue } from './refresh-queue.ts'
import type { Session } from './session.ts'
import { SessionCount } from './session-count.ts'
import { Sessions, type SessionsDependencies } from './sessions.ts'

export interface SessionsRoomDependencies extends Pick<SessionsDependencies, 'trade' | 'askClaims' | 'leaseMs'> {
  readonly settings: Pick<Settings, 'sessions'>
  readonly keyRings: Pick<KeyRings, 'encryption'>
  readonly cluster: { readonly link: RedisLink; readonly cluster: Pick<Cluster, 'lastEventMs'> }
  readonly revocation: SessionRevocation
  /** Issuers of the policy in force, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly log: JobLog
}

/** The part of {@link RevocationRoom} that login sessions need. */
interface SessionRevocation {
  readonly revocations: {
    /** Whether the session is revoked. @param toleranceS  clock tolerance of the session's issuer, s */
    ended(session: Session, toleranceS: number): boolean
    sessionRevoked(id: string, issuers: Iterable<string>): boolean
  }
  readonly service: Pick<SessionsDependencies, 'revoke'>
}

/** Login sessions of the cluster. */
export interface SessionsRoom {
  /** Manager of the sessions; `undefined` when no encryption key is configured. */
  readonly sessions: Sessions | undefined
  /** Metric of the number of sessions; `undefined` when no encryption key is configured. */
  readonly count: SessionCount | undefined
  /** Prepares the job queues that refresh sessions, for the login issuers of a policy. */
  prepare(issuers: Iterable<IssuerRules>): Commit
  /** Waits for running session refreshes, for at most 15 s. */
  close(): Promise<void>
}

export function openSessions(dependencies: SessionsRoomDependencies): SessionsRoom {
  const { settings, keyRings, issuers, trade, askClaims, leaseMs, log } = dependencies
  const { link, cluster } = dependencies.cluster
  const { revocations, service } = dependencies.revocation
  const queue = new RefreshQueue(link, log)
  const sealer = Sealer.following(keyRings.encryption)
  const sessions =
    sealer &&
    new Sessions({
      link,
      sealer,
      cacheEntries: settings.sessions.cacheEntries,
      ended: (session) => revocations.ended(session, issuers().get(session.issuer)?.clockToleranceS ?? 0),
      revoked: (id) => revocations.sessionRevoked(id, issuers().keys()),
      absoluteMs: (issuer) => issuers().get(issuer)?.login?.lifetime.absoluteMs,
      lastEventMs: () => cluster.lastEventMs,
      revoke: (order, options) => service.revoke(order, options),
      refreshQueue: queue,
      trade,
      askClaims,
      ...(leaseMs !== undefined && { leaseMs }),
      log,
    })
  const count = sessions && new SessionCount(sessions, issuers)
  const close = async (): Promise<void> => {
    count?.close()
    await sessions?.close()
    await queue.close()
  }
  return { sessions, count, prepare: (each) => queue.prepare(each), close }
}
