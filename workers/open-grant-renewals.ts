import { GrantRequester } from '../gateway/credentials/grant-requester.ts'
import { GrantStore } from '../gateway/credentials/grant-store.ts'
import { GrantClients } from '../gateway/issuers/grant-clients.ts'
import { grantQueues, grantsOf } from '../gateway/policy/job-queues.ts'
import { renewGrant } from '../gateway/queues/renew-grant.ts'
import { renewGrantHandler } from './jobs/renew-grant.ts'
import type { JobResources, PolicyJobKind, PolicyJobs } from './policy-jobs.ts'
import { QueueWorkers } from './queue-workers.ts'

/** Jobs that renew the tokens of the gate for services (client credentials) before the tokens expire. */
export const grantJobs: PolicyJobKind = {
  ...grantQueues,
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
