import type { Sealer } from '../gateway/base/sealer.ts'
import type { Settings } from '../gateway/config/settings.ts'
import type { Introspectors } from '../gateway/issuers/introspectors.ts'
import type { IssuerRules } from '../gateway/oauth/token-facts.ts'
import { introspectToken } from '../gateway/queues/introspect-token.ts'
import type { RedisLink } from '../gateway/redis/redis-link.ts'
import type { Revoker } from '../gateway/revocation/revoker.ts'
import type { Tracer } from '../gateway/telemetry/tracer.ts'
import { SharedAnswers } from '../gateway/tokens/shared-answers.ts'
import { TokenAnswers } from '../gateway/tokens/token-answers.ts'
import { introspectTokenHandler } from './jobs/introspect-token.ts'
import { QueueWorkers, type WorkerLog } from './queue-workers.ts'
import { tracedJob } from './traced-job.ts'

interface IntrospectionJobsDependencies {
  readonly settings: Pick<Settings, 'node' | 'worker'>
  readonly link: RedisLink
  readonly sealer: Sealer
  readonly introspectors: Introspectors
  /** Issuers of the policy in force, by issuer identifier. */
  readonly issuers: () => ReadonlyMap<string, IssuerRules>
  readonly revoker: Revoker
  /** Tracer of the worker; `undefined` when tracing is off. */
  readonly tracer: Tracer | undefined
  readonly log: WorkerLog
}

/** Opens the queue workers that refresh introspection responses, and revoke tokens that their issuer has ended. */
export function openIntrospections(dependencies: IntrospectionJobsDependencies): QueueWorkers {
  const { settings, link, sealer, introspectors, issuers, revoker, tracer, log } = dependencies
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
  return new QueueWorkers({
    contract: introspectToken,
    link,
    concurrency: settings.worker.concurrency,
    work: tracer === undefined ? introspect : tracedJob({ kind, node: settings.node.id, tracer }, introspect),
    log,
  })
}
