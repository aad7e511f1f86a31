import { GrantRequester } from '../gateway/credentials/grant-requester.ts'
import { GrantStore } from '../gateway/credentials/grant-store.ts'
import { GrantClients } from '../gateway/issuers/grant-clients.ts'
import type { ClientGrant } from '../gateway/oauth/client-grant.ts'
import type { Snapshot } from '../gateway/policy/snapshot.ts'
import { renewGrant } from '../gateway/queues/renew-grant.ts'
import { renewGrantHandler } from './jobs/renew-grant.ts'
import type { JobResources, PolicyJobKind, PolicyJobs } from './policy-jobs.ts'
import { QueueWorkers } from './queue-workers.ts'

/** Maximum number of renewals per second at one issuer, for all workers of the cluster together. */
const RENEWALS_PER_S = 20

/** Jobs that renew the tokens of the gate for services (client credentials) before the tokens expire. */
export const grantJobs: PolicyJobKind = {
  kind: renewGrant.kind,
  queuesOf: (snapshot) =>
    [...new Set(grantsOf(snapshot).map(({ rules }) => rules.name))].map((name) => ({ name, ratePerS: RENEWALS_PER_S })),
  open: openGrantRenewals,
}

function openGrantRenewals({ settings, secrets, link, sealer, log }: JobResources): PolicyJobs {
  const now = () => Date.now()
  const store = new GrantStore(link.client('receipt', 'grants'), link.keys, sealer, now)
  const requester = new GrantRequester({ store, now })
  const clients = new GrantClients(secrets)
  const queues = new QueueWorkers({
    contract: renewGrant,
    link,
    concurrency: settings.worker.concurrency,
    work: renewGrantHandler({ clients, requester }),
    log,
  })
  return {
    queues,
    prepare: (snapshot) => clients.prepare(grantsOf(snapshot)),
    close: () => clients.close(),
    metrics: requester,
  }
}

function grantsOf({ routes }: Snapshot): ClientGrant[] {
  return routes.flatMap(({ credential }) => credential.grant ?? [])
}
