import { z } from 'zod'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { exampleReceipt, reason, receipt, receiptQuery } from '../receipt-shape.ts'
import { selectorOf, selectorShape, sessionsOf } from '../session-selector.ts'

const ended = z.strictObject({
  ended: z.array(z.string()).describe('Ids of the sessions that were found and ended.'),
  receipt,
})

export const endSessions = operation({
  id: 'end_sessions',
  method: 'POST',
  path: '/api/v1/sessions/end',
  summary: 'End login sessions of a person or a device, or a single session',
  description:
    'Ends the sessions in the whole cluster by a revocation. The receipt lists the nodes that already reject the sessions, ' +
    'and the time from which all nodes do. With `subject`, every current token of the person is revoked too. With ' +
    '`session`, the id is revoked even when Redis has no record of the session, because a node may still have it in memory.',
  scope: 'gatehouse:sessions',
  query: z.strictObject(receiptQuery),
  body: z.strictObject({ ...selectorShape, reason }),
  replies: {
    200: { description: 'Every node has acknowledged the revocation.', schema: ended },
    202: {
      description:
        'The revocation is written. Some nodes have not acknowledged the revocation, which is effective on all nodes from `fenced_by`.',
      schema: ended,
    },
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
  example: {
    body: { subject: 'alice', reason: 'left the company' },
    reply: { ended: ['0123456789abcdef0123456789abcdef'], receipt: exampleReceipt },
  },
  run: async ({ query, body, dependencies }) => {
    const options = { wait: query.wait ?? 'none', durable: query.durable === '1' } as const
    const selector = selectorOf(body, dependencies)
    const done = await sessionsOf(dependencies).end(selector, body.reason, options)
    if (done.receipt === undefined) throw new ApiProblem('session_unknown', 'no session of this device exists')
    const { missing, acknowledged, id } = done.receipt
    const note = { selector, reason: body.reason, ended: done.ended, revocation: id, acknowledged: acknowledged.length }
    return { status: missing.length === 0 ? 200 : 202, document: done, note: { ...note, missing } }
  },
})
