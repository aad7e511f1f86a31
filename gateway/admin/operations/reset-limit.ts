import { z } from 'zod'
import { foldMapped, parseAddress } from '../../base/addresses.ts'
import type { WindowName } from '../../limits/limit-service.ts'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'

const text = z.string().min(1).max(1024)

const name = z.strictObject({
  limit: z.string().min(1).max(512).describe('Name of the limit, as in the list of limits.'),
  issuer: text
    .optional()
    .describe('Identifier of the issuer. Required when a key field of the limit belongs to an issuer.'),
  subject: text.optional(),
  client: text.optional(),
  session: text.optional(),
  route: text.optional(),
  address: text.optional().describe('Any address in the window. A window covers one IPv4 address or one IPv6 /64.'),
  claims: z.record(text, z.unknown()).optional().describe('Claim values, by the path of the claim in the policy.'),
})

export const resetLimit = operation({
  id: 'reset_limit',
  method: 'POST',
  path: '/api/v1/limits/reset',
  summary: 'Empty one window of a rate limit in the whole cluster',
  description:
    'The call names the window by exactly the key fields of the limit. Nodes can still use permits that they hold, ' +
    'for about one second.',
  scope: 'gatehouse:limits',
  body: name,
  replies: {
    200: {
      description: 'The window of the rate limit is empty.',
      schema: z.strictObject({
        limit: z.string(),
        existed: z.boolean().describe('Whether the window had counted a request.'),
      }),
    },
  },
  problems: ['limit_unknown', 'bucket_incomplete', 'bucket_surplus', 'unavailable'],
  example: {
    body: { limit: 'route/reports.read/writes', issuer: 'https://idp.example', subject: 'alice' },
    reply: { limit: 'route/reports.read/writes', existed: true },
  },
  run: async ({ body, dependencies }) => {
    const document = await dependencies.limits.reset(windowOf(body))
    return { status: 200, document, note: { window: body, existed: document.existed } }
  },
})

function windowOf({ address, ...rest }: z.output<typeof name>): WindowName {
  // The cast is safe: the body was parsed from JSON, which has no `undefined`. So an optional member is either absent
  // or has a value.
  const named = rest as WindowName
  if (address === undefined) return named
  const bytes = parseAddress(address)
  if (bytes === undefined) throw new ApiProblem('invalid_request', '`address` is not an IPv4 or IPv6 address')
  return { ...named, address: foldMapped(bytes) }
}
