import { z } from 'zod'
import { operation } from '../operation.ts'

const window = z.strictObject({
  limit: z.string().describe('The limit, behind what it belongs to: `route/reports.read/writes`.'),
  bucket: z.record(z.string(), z.unknown()).describe('Whose window it is: what the limit goes by, and the issuer.'),
  requests: z.number().describe('Admitted at most in any `window_ms`.'),
  window_ms: z.number(),
  mode: z.enum(['exact', 'leased']),
  used: z.number().nullable().describe('Requests that the whole cluster has admitted; null while Redis is away.'),
  held: z.number().nullable().describe('Permits that nodes hold of it; null while Redis is away.'),
})

export const listLimits = operation({
  id: 'list_limits',
  method: 'GET',
  path: '/api/v1/limits',
  summary: 'Windows of rate limits that are in use',
  description:
    'Those that this node was asked about of late, the fullest first, 200 at most, each with what the whole cluster has ' +
    'counted in it. Other nodes know others: Redis keeps no names of windows.',
  scope: 'gatehouse:limits',
  query: z.strictObject({ limit: z.string().min(1).max(512).optional().describe('Only windows of this limit.') }),
  replies: { 200: { description: 'The windows.', schema: z.strictObject({ windows: z.array(window) }) } },
  problems: ['limit_unknown'],
  run: async ({ query, dependencies }) => ({
    status: 200,
    document: { windows: await dependencies.limits.list(query.limit) },
  }),
})
