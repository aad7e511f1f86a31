import { z } from 'zod'
import { operation } from '../operation.ts'
import { exampleStream, streamDocument, streamFilters, streamSelectorOf, streamShape } from '../stream-shape.ts'

export const listStreams = operation({
  id: 'list_streams',
  method: 'GET',
  path: '/api/v1/streams',
  summary: 'List the streams of this node',
  description:
    'Lists the WebSockets, event streams, long downloads and long uploads of the node that replies, 1,000 at most, sorted ' +
    'by age. Without parameters it lists all of them; with several, the streams that match each.',
  scope: 'gatehouse:read',
  query: streamFilters,
  replies: {
    200: {
      description: 'The streams of the node.',
      schema: z.strictObject({
        node: z.string().describe('Id of the node that replies.'),
        total: z.number().describe('Number of all streams of the node.'),
        selected: z.number().describe('Number of streams that match; `streams` has at most 1,000 of them.'),
        streams: z.array(streamShape),
      }),
    },
  },
  problems: ['revocation_issuer_unknown'],
  example: {
    query: { subject: 'alice' },
    reply: { node: 'node-a', total: 1, selected: 1, streams: [exampleStream] },
  },
  run: async ({ query, dependencies: { node, streams } }) => {
    const list = await streams.list(streamSelectorOf(query, node))
    return { status: 200, document: { node: node.id, ...list, streams: list.streams.map(streamDocument) } }
  },
})
