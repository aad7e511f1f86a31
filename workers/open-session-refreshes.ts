import type { Sealer } from '../gateway/base/sealer.ts'
import type { Settings } from '../gateway/config/settings.ts'
import type { LoginClients } from '../gateway/issuers/login-clients.ts'
import type { IssuerRules } from '../gateway/oauth/token-facts.ts'
import { refreshSession } from '../gateway/queues/refresh-session.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'
import type { Revoker } from '../gateway/revocation/revoker.ts'
import { RefreshLocks } from '../gateway/sessions/refresh-locks.ts'
import { Refresher, refreshRefused } from '../gateway/sessions/refresher.ts'
import { SessionStore } from '../gateway/sessions/session-store.ts'
import { tradeAtIssuer } from '../gateway/sessions/trade-at-issuer.ts'
import { refreshSessionHandler } from './jobs/refresh-session.ts'
import { QueueWorkers, type WorkerLog } from './queue-workers.ts'

interface SessionRefreshesDependencies {
  readonly settings: Pick<Settings, 'worker'>
  readonly link: RedisLink
  readonly sealer: Sealer
  readonly loginClients: LoginClients
  /** Issuers of the policy in force, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly revoker: Revoker
  readonly log: WorkerLog
}

/**
 * Opens the queue workers that refresh the tokens of login sessions, and end a session when the issuer rejects its
 * refresh token or returns unusable tokens.
 */
export function openSessionRefreshes(dependencies: SessionRefreshesDependencies): {
  readonly refreshes: QueueWorkers
  readonly refresher: Refresher
} {
  const { settings, link, sealer, loginClients, issuers, revoker, log } = dependencies
  const client = link.client('receipt', 'sessions')
  const store = new SessionStore(client, link.keys, sealer)
  const refresher = new Refresher({
    locks: new RefreshLocks(client, link.keys, store),
    trade: tradeAtIssuer(loginClients, issuers),
    end: async (session) => {
      const { id, issuer, endsAtS } = session
      await revoker.revoke({ kind: 'session', id, issuer, endsAtS, reason: refreshRefused })
      await store.remove(session)
    },
    log,
  })
  const refreshes = new QueueWorkers({
    contract: refreshSession,
    link,
    concurrency: settings.worker.concurrency,
    work: refreshSessionHandler({ store, refresher }),
    log,
  })
  return { refreshes, refresher }
}
