import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { exampleStream, streamDocument, streamFilters, streamSelectorOf, streamShape } from '../stream-shape.ts'

const clusterStream = z.strictObject({ node: z.string().describe('Id of the node.'), ...streamShape.shape })

const nodeSummary = z.strictObject({
  node: z.string().describe('Id of the node.'),
  at: z
    .string()
    .nullable()
    .describe('Time of the summary (RFC 3339); null when the node has published none within the last 10 s.'),
  total: z.number().nullable().describe('Number of all streams of the node.'),
  summarized: z.number().describe('Number of streams in the summary. Only these were searched.'),
})

export const listClusterStreams = operation({
  id: 'list_cluster_streams',
  method: 'GET',
  path: '/api/v1/cluster/streams',
  summary: 'List the streams of all nodes by their summaries',
  description:
    'Each node publishes a summary of its streams every 2 s: their number, and 200 of them at most, or as many as fit into 64 KiB. The reply merges the ' +
    'summaries. For a node with more streams than its summary has, ask that node itself: `GET /api/v1/streams`.',
  scope: 'gatehouse:read',
  query: streamFilters,
  replies: {
    200: {
      description: 'The summaries of the nodes, and the streams in them that match.',
      schema: z.strictObject({ nodes: z.array(nodeSummary), streams: z.array(clusterStream) }),
    },
  },
  problems: ['revocation_issuer_unknown', 'cluster_unavailable', 'unavailable'],
  example: {
    query: { subject: 'alice' },
    reply: {
      nodes: [
        { node: 'node-a', at: '2030-01-31T11:59:57.000Z', total: 1, summarized: 1 },
        { node: 'node-b', at: null, total: null, summarized: 0 },
      ],
      streams: [{ node: 'node-a', ...exampleStream }],
    },
  },
  run: async ({ query, dependencies }) => {
    const selector = streamSelectorOf(query, dependencies.node)
    const summaries = await requireRedis(dependencies).streamSummaries.read(selector)
    const nodes = summaries.map(({ node, atMs, total = null, summarized }) => {
      const at = atMs === undefined ? null : new Date(atMs).toISOString()
      return { node, at, total, summarized }
    })
    const streams = summaries.flatMap(({ node, streams: found }) =>
      found.map((stream) => ({ node, ...streamDocument(stream) })),
    )
    streams.sort((a, b) => (a.started_at < b.started_at ? -1 : 1))
    return { status: 200, document: { nodes, streams } }
  },
})
