import { z } from 'zod'
import type { AdminDependencies } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { exampleStream, streamDocument, streamFilters, streamSelectorOf, streamShape } from '../stream-shape.ts'
import { nodeSummaryDocument, nodeSummaryShape } from '../summary-shape.ts'

const clusterStream = z.strictObject({ node: z.string().describe('Id of the node.'), ...streamShape.shape })

export const listClusterStreams = operation({
  id: 'list_cluster_streams',
  method: 'GET',
  path: '/api/v1/cluster/streams',
  summary: 'List the streams of all nodes by their summaries',
  description:
    'Each node publishes a summary of its streams every 2 s: their number, and 200 of them at most, or as many as fit into 64 KiB. The reply merges the ' +
    'summaries. For a node with more streams than its summary has, ask that node itself: `GET /api/v1/streams`. The parameter `scope=cluster` of that operation lists the same streams.',
  scope: 'gatehouse:read',
  query: streamFilters,
  replies: {
    200: {
      description: 'The summaries of the nodes, and the streams in them that match.',
      schema: z.strictObject({ nodes: z.array(nodeSummaryShape('streams')), streams: z.array(clusterStream) }),
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
  run: async ({ query, dependencies }) => ({ status: 200, document: await clusterStreams(query, dependencies) }),
})

/**
 * Returns the streams in the summaries of all nodes that match, the oldest first, and the nodes.
 *
 * @throws {ApiProblem} without Redis, or when the policy does not have the given issuer
 * @throws {GatewayFault} `store-unavailable`
 */
export async function clusterStreams(query: z.output<typeof streamFilters>, dependencies: AdminDependencies) {
  const selector = streamSelectorOf(query, dependencies.node)
  const summaries = await requireRedis(dependencies).streamSummaries.read(selector)
  const streams = summaries.flatMap(({ node, streams: found }) =>
    found.map((stream) => ({ node, ...streamDocument(stream) })),
  )
  streams.sort((a, b) => (a.started_at < b.started_at ? -1 : 1))
  return { nodes: summaries.map(nodeSummaryDocument), streams }
}
