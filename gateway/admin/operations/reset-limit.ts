import { z } from 'zod'
import { foldMapped, parseAddress } from '../../base/addresses.ts'
import type { WindowName } from '../../limits/limit-service.ts'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'

const text = z.string().min(1).max(1024)

const name = z.strictObject({
  limit: z.string().min(1).max(512).describe('The limit, as the list has it.'),
  issuer: text.optional().describe('Identifier of the issuer, where the limit goes by what belongs to one.'),
  subject: text.optional(),
  client: text.optional(),
  session: text.optional(),
  route: text.optional(),
  address: text.optional().describe('Any address of the window: it is one IPv4 address, or one IPv6 /64.'),
  claims: z.record(text, z.unknown()).optional().describe('Values by the path of the claim, as the policy writes it.'),
})

export const resetLimit = operation({
  id: 'reset_limit',
  method: 'POST',
  path: '/api/v1/limits/reset',
  summary: 'Empty one window of a rate limit, for the whole cluster',
  description:
    'The window is named by all that its limit goes by, and by nothing else. Permits that nodes hold of it can still be ' +
    'spent, for about a second.',
  scope: 'gatehouse:limits',
  body: name,
  replies: {
    200: {
      description: 'It is empty.',
      schema: z.strictObject({
        limit: z.string(),
        existed: z.boolean().describe('Whether anything was counted in it.'),
      }),
    },
  },
  problems: ['limit_unknown', 'bucket_incomplete', 'bucket_surplus', 'unavailable'],
  run: async ({ body, dependencies }) => {
    const document = await dependencies.limits.reset(windowOf(body))
    return { status: 200, document, note: { window: body, existed: document.existed } }
  },
})

function windowOf({ address, ...rest }: z.output<typeof name>): WindowName {
  // The value was parsed from JSON, which has no `undefined`: members are present or absent.
  const named = rest as WindowName
  if (address === undefined) return named
  const bytes = parseAddress(address)
  if (bytes === undefined) throw new ApiProblem('invalid_request', 'address is no IPv4 or IPv6 address')
  return { ...named, address: foldMapped(bytes) }
}
