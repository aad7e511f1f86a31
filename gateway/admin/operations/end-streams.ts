import { z } from 'zod'
import type { StreamSelector } from '../../streams/stream-view.ts'
import { ApiProblem } from '../api-problem.ts'
import type { NodeView } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { exampleReceipt, reason, receipt, receiptQuery } from '../receipt-shape.ts'
import { requireRedis } from '../require-redis.ts'
import { issuerOf } from '../session-selector.ts'

const text = (max: number) => z.string().min(1).max(max)

const selectors = z.strictObject({
  subject: text(1024).optional().describe('Subject whose streams are ended.'),
  issuer: text(512)
    .optional()
    .describe(
      'Only with `subject`: name of the issuer in the policy, or its identifier. Required when the policy has several issuers.',
    ),
  session: text(1024).optional().describe('Id of the login session, or `sid` of the tokens, whose streams are ended.'),
  route: text(512).optional().describe('Id of the route whose streams are ended.'),
  id: text(256).optional().describe('Id of the only stream to end: the request id of its exchange.'),
  reason,
})

const orderReceipt = z.strictObject({
  ...receipt.omit({ matched_by: true }).shape,
  id: z.string().describe('Id of the order to end streams.'),
  position: z.string().describe('Position of the order in the event log of the cluster.'),
  acknowledged: z
    .array(z.strictObject({ node: z.string(), ms: z.number() }))
    .describe('Nodes whose streams have ended, each with the time until its acknowledgement, ms.'),
  missing: z
    .array(z.string())
    .describe('Nodes that have not acknowledged. Each ends the streams when it reads the event log again.'),
  unable: z.array(z.string()).describe('Nodes of an older version, which cannot end streams. Their streams continue.'),
  fenced_by: z
    .string()
    .describe(
      'Time from which a node without contact to Redis holds its streams, and relays nothing (RFC 3339). Streams of public ' +
        'routes and of routes with `end: keep` are not held.',
    ),
})

export const endStreams = operation({
  id: 'end_streams',
  method: 'POST',
  path: '/api/v1/streams/end',
  summary: 'End streams on every node, without revoking anything',
  description:
    'Ends the streams that each node has when it reads the order: those of a subject, a login session or a route, or one ' +
    'stream. It revokes nothing: a client with a valid token or session may connect again at once. To keep a client out, ' +
    'revoke its token, session or subject, which ends its streams too. The body has exactly one of `subject`, `session`, ' +
    '`route` and `id`.',
  scope: 'gatehouse:revoke',
  query: z.strictObject({ wait: receiptQuery.wait }),
  body: selectors,
  replies: {
    200: { description: 'On every node, the streams have ended.', schema: replyOf() },
    202: {
      description:
        'The order to end streams is written. Some nodes have not acknowledged the order, or cannot end streams.',
      schema: replyOf(),
    },
  },
  problems: ['revocation_issuer_unknown', 'revocation_issuer_needed', 'cluster_unavailable', 'unavailable'],
  example: {
    query: { wait: 'all' },
    body: { subject: 'alice', reason: 'stuck client' },
    reply: { revoked: false, receipt: { ...exampleReceipt, unable: [] } },
  },
  run: async ({ query, body, dependencies }) => {
    const { reason: why, ...given } = body
    const selector = selectorOf(given, dependencies.node)
    const { streamEnder } = requireRedis(dependencies)
    const done = await streamEnder.end(selector, { wait: query.wait ?? 'none', reason: why })
    const { id, acknowledged, missing, unable } = done
    const note = { streams: selector, reason: why, order: id, acknowledged: acknowledged.length, missing, unable }
    return {
      status: missing.length + unable.length === 0 ? 200 : 202,
      document: { revoked: false, receipt: done },
      note,
    }
  },
})

function replyOf() {
  return z.strictObject({
    revoked: z.literal(false).describe('Always false: no token, session or permission was revoked.'),
    receipt: orderReceipt,
  })
}

/**
 * Returns the selector of the streams to end that the caller gave.
 *
 * @throws {ApiProblem} unless exactly one of subject, session, route and id selects the streams to end; also when the
 *   issuer of a subject is unknown or missing, or an issuer is given without a subject
 */
function selectorOf(
  { subject, issuer, session, route, id }: Omit<z.output<typeof selectors>, 'reason'>,
  node: NodeView,
): StreamSelector {
  const given = Object.entries({ subject, session, route, id }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) {
    throw new ApiProblem('invalid_request', 'expected exactly one of `subject`, `session`, `route` and `id`')
  }
  if (subject !== undefined) return { subject, issuer: issuerOf(issuer, node) }
  if (issuer !== undefined) throw new ApiProblem('invalid_request', '`issuer` is allowed only together with `subject`')
  return Object.fromEntries(given) as StreamSelector
}
