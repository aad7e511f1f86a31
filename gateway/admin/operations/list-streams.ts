import { z } from 'zod'
import type { AdminDependencies } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { exampleStream, streamDocument, streamFilters, streamSelectorOf, streamShape } from '../stream-shape.ts'
import { nodeSummaryShape, scopeParameter } from '../summary-shape.ts'
import { clusterStreams } from './list-cluster-streams.ts'

const listedStream = z.strictObject({
  ...streamShape.shape,
  node: z.string().optional().describe('Only with `scope=cluster`: id of the node that serves the stream.'),
})

const streamQuery = z.strictObject({ ...streamFilters.shape, scope: scopeParameter })

export const listStreams = operation({
  id: 'list_streams',
  method: 'GET',
  path: '/api/v1/streams',
  summary: 'List the streams of this node, or of all nodes by their summaries',
  description:
    'Lists the WebSockets, event streams, long downloads and long uploads of the node that replies, 1,000 at most, sorted ' +
    'by age. Without parameters it lists all of them; with several, the streams that match each. With `scope=cluster` it ' +
    'merges the summaries that each node publishes every 2 s, with 200 streams at most, and names the nodes without one.',
  scope: 'gatehouse:read',
  query: streamQuery,
  replies: {
    200: {
      description: 'The streams.',
      schema: z.strictObject({
        node: z.string().describe('Id of the node that replies.'),
        total: z
          .number()
          .describe('Number of all streams of the node; with `scope=cluster`, of the nodes with a summary.'),
        selected: z
          .number()
          .describe('Number of streams that match; without `scope=cluster`, `streams` has at most 1,000 of them.'),
        streams: z.array(listedStream),
        nodes: z.array(nodeSummaryShape('streams')).optional().describe('Only with `scope=cluster`: the summaries.'),
      }),
    },
  },
  problems: ['revocation_issuer_unknown', 'cluster_unavailable', 'unavailable'],
  example: {
    query: { subject: 'alice' },
    reply: { node: 'node-a', total: 1, selected: 1, streams: [exampleStream] },
  },
  run: async ({ query, dependencies }) => ({ status: 200, document: await listedStreams(query, dependencies) }),
})

async function listedStreams({ scope, ...filters }: z.output<typeof streamQuery>, dependencies: AdminDependencies) {
  const { node, streams } = dependencies
  if (scope === 'cluster') {
    const found = await clusterStreams(filters, dependencies)
    const total = found.nodes.reduce((sum, each) => sum + (each.total ?? 0), 0)
    return { node: node.id, total, selected: found.streams.length, ...found }
  }
  const list = await streams.list(streamSelectorOf(filters, node))
  return { node: node.id, ...list, streams: list.streams.map(streamDocument) }
}
