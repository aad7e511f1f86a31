import { z } from 'zod'
import { operation } from '../operation.ts'
import { sharedParts } from '../stands-alone.ts'

const member = z.strictObject({
  id: z.string().describe('`node.id` of its settings.'),
  address: z.string().describe('Where it listens for clients.'),
  version: z.string().describe('Of Gatehouse.'),
  revision: z.string().describe('Of its policy: the first 12 hexadecimal digits of the SHA-256 of the text.'),
  position: z.string().describe('Up to where it has applied the events of the cluster.'),
  lag_ms: z.number().describe('How far that is behind the newest event.'),
})

export const listNodes = operation({
  id: 'list_nodes',
  method: 'GET',
  path: '/api/v1/nodes',
  summary: 'The nodes of the cluster',
  description: 'Every node whose lease has not run out, those that nobody has heard of for a moment included.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'The nodes.', schema: z.strictObject({ nodes: z.array(member) }) } },
  problems: ['cluster_unavailable', 'unavailable'],
  run: async ({ dependencies }) => ({
    status: 200,
    document: { nodes: await sharedParts(dependencies).cluster.list() },
  }),
})
