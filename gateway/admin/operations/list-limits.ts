import { z } from 'zod'
import { operation } from '../operation.ts'

const window = z.strictObject({
  limit: z.string().describe('Owner and name of the limit, for example `route/reports.read/writes`.'),
  bucket: z.record(z.string(), z.unknown()).describe('Key of the window: the key fields of the limit, and the issuer.'),
  requests: z.number().describe('Maximum number of requests in any period of `window_ms`.'),
  window_ms: z.number(),
  mode: z.enum(['exact', 'leased']),
  used: z
    .number()
    .nullable()
    .describe('Requests in the window that the whole cluster has admitted; null while Redis is unavailable.'),
  held: z
    .number()
    .nullable()
    .describe('Unused permits of the window that nodes hold; null while Redis is unavailable.'),
})

export const listLimits = operation({
  id: 'list_limits',
  method: 'GET',
  path: '/api/v1/limits',
  summary: 'List active windows of rate limits',
  description:
    'Lists windows that this node used recently, fullest first, 200 at most. Counts are those of the whole cluster. Other ' +
    'nodes may list other windows, because Redis does not store the names of windows.',
  scope: 'gatehouse:limits',
  query: z.strictObject({
    limit: z.string().min(1).max(512).optional().describe('Only windows of the limit with this name.'),
  }),
  replies: {
    200: { description: 'The windows of the rate limits.', schema: z.strictObject({ windows: z.array(window) }) },
  },
  problems: ['limit_unknown'],
  example: {
    query: { limit: 'route/reports.read/writes' },
    reply: {
      windows: [
        {
          limit: 'route/reports.read/writes',
          bucket: { issuer: 'https://idp.example', subject: 'alice' },
          requests: 100,
          window_ms: 60_000,
          mode: 'leased',
          used: 42,
          held: 5,
        },
      ],
    },
  },
  run: async ({ query, dependencies }) => ({
    status: 200,
    document: { windows: await dependencies.limits.list(query.limit) },
  }),
})
