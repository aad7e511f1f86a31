import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { nodeSummaryDocument, nodeSummaryShape, scopeParameter } from '../summary-shape.ts'

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
  nodes: z.array(z.string()).optional().describe('Only with `scope=cluster`: nodes whose summaries have the window.'),
})

export const listLimits = operation({
  id: 'list_limits',
  method: 'GET',
  path: '/api/v1/limits',
  summary: 'List active windows of rate limits, of this node or of all nodes by their summaries',
  description:
    'Lists windows that this node used recently, fullest first, 200 at most. Counts are those of the whole cluster. With ' +
    '`scope=cluster` it merges the summaries in which each node names its fullest windows every 2 s, 200 at most or as ' +
    'many as fit into 64 KiB, and names the nodes without one.',
  scope: 'gatehouse:limits',
  query: z.strictObject({
    limit: z.string().min(1).max(512).optional().describe('Only windows of the limit with this name.'),
    scope: scopeParameter,
  }),
  replies: {
    200: {
      description: 'The windows of the rate limits.',
      schema: z.strictObject({
        windows: z.array(window),
        nodes: z.array(nodeSummaryShape('windows')).optional().describe('Only with `scope=cluster`: the summaries.'),
      }),
    },
  },
  problems: ['limit_unknown', 'cluster_unavailable', 'unavailable'],
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
  run: async ({ query: { limit, scope }, dependencies }) => {
    if (scope !== 'cluster') return { status: 200, document: { windows: await dependencies.limits.list(limit) } }
    const { nodes, windows } = await requireRedis(dependencies).limitSummaries.read(limit)
    return { status: 200, document: { windows, nodes: nodes.map(nodeSummaryDocument) } }
  },
})
