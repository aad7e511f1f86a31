import { LoginClients } from '../gateway/issuers/login-clients.ts'
import { refreshQueues } from '../gateway/policy/job-queues.ts'
import { refreshSession } from '../gateway/queues/refresh-session.ts'
import { RefreshLocks } from '../gateway/sessions/refresh-locks.ts'
import { Refresher, refreshRefused } from '../gateway/sessions/refresher.ts'
import { SessionStore } from '../gateway/sessions/session-store.ts'
import { tradeAtIssuer } from '../gateway/sessions/trade-at-issuer.ts'
import { refreshSessionHandler } from './jobs/refresh-session.ts'
import type { JobResources, PolicyJobKind, PolicyJobs } from './policy-jobs.ts'
import { QueueWorkers } from './queue-workers.ts'

/**
 * Jobs that refresh the tokens of login sessions, and end a session when the issuer rejects its refresh token or returns
 * unusable tokens.
 */
export const refreshJobs: PolicyJobKind = {
  ...refreshQueues,
  open: openSessionRefreshes,
}

function openSessionRefreshes(resources: JobResources): PolicyJobs {
  const { settings, secrets, keys, link, sealer, issuers, revoker, log } = resources
  const loginClients = new LoginClients({ keys, secrets, log })
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
  const queues = new QueueWorkers({
    contract: refreshSession,
    link,
    concurrency: settings.worker.concurrency,
    work: refreshSessionHandler({ store, refresher }),
    log,
  })
  return {
    queues,
    prepare: (snapshot) => loginClients.prepare(snapshot.issuers.values()),
    async close() {
      await refresher.settled()
      await loginClients.close()
    },
  }
}
