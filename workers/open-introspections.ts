import { Introspectors } from '../gateway/issuers/introspectors.ts'
import { introspectionQueues } from '../gateway/policy/job-queues.ts'
import { introspectToken } from '../gateway/queues/introspect-token.ts'
import { SharedAnswers } from '../gateway/tokens/shared-answers.ts'
import { TokenAnswers } from '../gateway/tokens/token-answers.ts'
import { introspectTokenHandler } from './jobs/introspect-token.ts'
import type { JobResources, PolicyJobKind, PolicyJobs } from './policy-jobs.ts'
import { QueueWorkers } from './queue-workers.ts'
import { tracedJob } from './traced-job.ts'

/** Jobs that renew introspection responses, and revoke tokens that their issuer reports as inactive. */
export const introspectionJobs: PolicyJobKind = {
  ...introspectionQueues,
  open: openIntrospections,
}

function openIntrospections(resources: JobResources): PolicyJobs {
  const { settings, secrets, keys, link, sealer, issuers, revoker, tracer, log } = resources
  const introspectors = new Introspectors({ keys, secrets, log })
  const shared = new SharedAnswers(link.client('receipt', 'introspection'), link.keys, sealer)
  const introspect = introspectTokenHandler({
    answers: new TokenAnswers({ introspectors, sealer, shared }),
    issuer: (name) => [...issuers().values()].find((rules) => rules.name === name),
    revoke: async (token, issuer, tokenId) => {
      await revoker.revoke({ kind: 'token', token })
      if (tokenId !== undefined) await revoker.revoke({ kind: 'jti', id: tokenId, issuer })
    },
  })
  const { kind } = introspectToken
  const queues = new QueueWorkers({
    contract: introspectToken,
    link,
    concurrency: settings.worker.concurrency,
    work: tracer === undefined ? introspect : tracedJob({ kind, node: settings.node.id, tracer }, introspect),
    log,
  })
  return {
    queues,
    prepare: (snapshot) => introspectors.prepare(snapshot.issuers.values()),
    close: () => introspectors.close(),
  }
}
