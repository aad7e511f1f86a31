import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { reason, receipt, receiptQuery } from '../receipt-shape.ts'
import { selectorOf, selectorShape, sessionsOf } from '../session-selector.ts'

const ended = z.strictObject({ ended: z.array(z.string()).describe('Ids of the sessions that were found.'), receipt })

export const endSessions = operation({
  id: 'end_sessions',
  method: 'POST',
  path: '/api/v1/sessions/end',
  summary: 'End login sessions of a person, of a browser, or one',
  description:
    'For the whole cluster, as a revocation: the receipt says which nodes refuse them already, and from when on all do. ' +
    'By `subject` it also revokes every token that the person has now. By `session` the id is revoked also when Redis has ' +
    'no record of the session: nodes may still have it in memory.',
  scope: 'gatehouse:sessions',
  query: z.strictObject(receiptQuery),
  body: z.strictObject({ ...selectorShape, reason }),
  replies: {
    200: { description: 'Every node has acknowledged.', schema: ended },
    202: { description: 'Binding from `fenced_by` on; some nodes have not acknowledged.', schema: ended },
  },
  problems: [
    'session_unknown',
    'revocation_malformed',
    'revocation_issuer_unknown',
    'revocation_issuer_needed',
    'cluster_unavailable',
    'sessions_unavailable',
    'unavailable',
  ],
  run: async ({ query, body, dependencies }) => {
    const options = { wait: query.wait ?? 'none', durable: query.durable === '1' } as const
    const selector = selectorOf(body, dependencies)
    const done = await sessionsOf(dependencies).end(selector, body.reason, options)
    if (done.receipt === undefined) throw new ApiProblem('session_unknown', 'there is no session of this device')
    const { missing, acknowledged, id } = done.receipt
    const note = { selector, reason: body.reason, ended: done.ended, revocation: id, acknowledged: acknowledged.length }
    return { status: missing.length === 0 ? 200 : 202, document: done, note: { ...note, missing } }
  },
})
