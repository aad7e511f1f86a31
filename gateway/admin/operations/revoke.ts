import { z } from 'zod'
import type { RecordFacts } from '../../audit/record-line.ts'
import type { Receipt } from '../../cluster/receipt.ts'
import type { RevocationOrder } from '../../revocation/revocation-order.ts'
import { isCertificateIssuer } from '../../x509/certificate-identity.ts'
import { ApiProblem } from '../api-problem.ts'
import type { AdminDependencies } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { exampleReceipt, reason, receipt, receiptQuery } from '../receipt-shape.ts'
import { requireRedis } from '../require-redis.ts'
import { issuerOf } from '../session-selector.ts'

const text = (max: number) => z.string().min(1).max(max)
const identifier = text(1024)
const issuer = text(512).describe(
  'Name of the issuer in the policy, or its identifier. For a caller with a client certificate: `spiffe://TRUST_DOMAIN` or `x509:CA_NAME`.',
)
const qualifier = issuer.optional().describe(`${issuer.description} Required when the policy has several issuers.`)
const common = { issuer: qualifier, reason }

const orders = [
  z
    .strictObject({
      kind: z.literal('token'),
      token: text(16_384).describe('Access token to revoke.'),
      issuer: issuer.optional().describe(`${issuer.description} For an opaque token, only this issuer is asked.`),
      reason,
    })
    .describe('Revokes one token. Only a hash of the token is stored.'),
  z.strictObject({ kind: z.literal('jti'), id: identifier, ...common }).describe('Revokes the token with this `jti`.'),
  z
    .strictObject({ kind: z.literal('session'), id: identifier, ...common })
    .describe('Revokes the tokens with this `sid`.'),
  z
    .strictObject({ kind: z.literal('subject'), id: identifier, ...common })
    .describe('Revokes the current tokens of this subject. Tokens that are issued later are accepted.'),
  z
    .strictObject({ kind: z.literal('client'), id: identifier, ...common })
    .describe('Revokes the current tokens of this client. Tokens that are issued later are accepted.'),
  z
    .strictObject({
      kind: z.literal('issuer'),
      issuer,
      before: z.iso
        .datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })
        .describe('Latest issue time of the revoked tokens (RFC 3339).'),
      reason,
    })
    .describe('Revokes all tokens of an issuer that were issued up to a time.'),
] as const

export const revoke = operation({
  id: 'revoke',
  method: 'POST',
  path: '/api/v1/revocations',
  summary: 'Revoke a token, or all tokens of a session, subject, client or issuer',
  description:
    'The receipt lists the nodes that already reject the revoked tokens, and the time from which all nodes do.',
  scope: 'gatehouse:revoke',
  query: z.strictObject(receiptQuery),
  body: z.discriminatedUnion('kind', orders),
  replies: {
    200: { description: 'Every node has acknowledged the revocation.', schema: receipt },
    202: {
      description:
        'The revocation is written. Some nodes have not acknowledged the revocation, which is effective on all nodes from `fenced_by`.',
      schema: receipt,
    },
  },
  problems: [
    'revocation_malformed',
    'revocation_issuer_unknown',
    'revocation_issuer_needed',
    'revocation_in_future',
    'revocations_full',
    'cluster_unavailable',
    'unavailable',
  ],
  example: {
    query: { wait: 'all' },
    body: { kind: 'subject', id: 'alice', reason: 'left the company' },
    reply: exampleReceipt,
  },
  run: async ({ query, body, dependencies }) => {
    const order = orderOf(body)
    const { revocationService: service } = requireRedis(dependencies)
    await revokeFoundSessions(order, dependencies)
    const document = await service.revoke(order, { wait: query.wait ?? 'none', durable: query.durable === '1' })
    const { id, acknowledged, missing } = document
    const note = { ...noteOf(order), revocation: id, acknowledged: acknowledged.length, missing }
    return { status: missing.length === 0 ? 200 : 202, document, note, revocation: factsOf(order, document) }
  },
})

/**
 * For a revocation of a subject or `sid`: also revokes each of its login sessions by the id of the session. The reason:
 * a revocation by subject or `sid` depends on the clocks of this node and of the node that began a session; a
 * revocation by session id does not. The revocation by subject or `sid` is written first, so that it covers sessions
 * that begin meanwhile. After this function the operation writes it again: its second receipt then covers all these
 * revocations.
 *
 * @throws {RevocationRefused} for an invalid order
 */
async function revokeFoundSessions(order: RevocationOrder, dependencies: AdminDependencies): Promise<void> {
  const { revocationService: service, sessions } = requireRedis(dependencies)
  if (sessions === undefined || !('id' in order) || (order.kind !== 'subject' && order.kind !== 'session')) return
  // No login session can exist for a caller with a client certificate, or with a policy without issuers.
  const { issuers } = dependencies.node.snapshot
  if (issuers.size === 0 || (order.issuer !== undefined && isCertificateIssuer(order.issuer))) return
  await service.revoke(order, { wait: 'none', durable: false })
  const issuer = issuerOf(order.issuer, dependencies.node)
  const selector = order.kind === 'subject' ? { subject: order.id, issuer } : { sid: order.id, issuer }
  await sessions.endFound(selector, order.reason)
}

function orderOf(body: z.output<(typeof orders)[number]>): RevocationOrder {
  // The cast is safe: the body was parsed from JSON, which has no `undefined`. So an optional member is either absent
  // or has a value.
  if (body.kind !== 'issuer') return body as RevocationOrder
  const { before, ...rest } = body
  const beforeMs = Date.parse(before)
  if (Number.isNaN(beforeMs))
    throw new ApiProblem('invalid_request', '`before` is not a valid time: the date does not exist')
  return { ...rest, beforeS: beforeMs / 1000 } as RevocationOrder
}

/** Returns the facts about a revocation order for the log line. They never contain a token. */
function noteOf(order: RevocationOrder): Readonly<Record<string, unknown>> {
  if (order.kind !== 'token') return { order }
  const { kind, reason, issuer: named } = order
  return { order: { kind, reason, ...(named !== undefined && { issuer: named }) } }
}

function factsOf(order: RevocationOrder, { id, matched_by: matchedBy }: Receipt): RecordFacts {
  return {
    'gatehouse.revocation.id': id,
    'gatehouse.revocation.kind': order.kind,
    'gatehouse.revocation.target': 'id' in order ? order.id : undefined,
    'gatehouse.revocation.issuer': 'issuer' in order ? order.issuer : undefined,
    'gatehouse.revocation.before': 'beforeS' in order ? new Date(order.beforeS * 1000).toISOString() : undefined,
    'gatehouse.revocation.reason': order.reason,
    'gatehouse.revocation.matched_by': matchedBy,
  }
}
