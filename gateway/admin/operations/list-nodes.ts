import { z } from 'zod'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const member = z.strictObject({
  id: z.string().describe('`node.id` in the settings of the node.'),
  address: z.string().describe('Address at which the node accepts requests of clients.'),
  version: z.string().describe('Version of Gatehouse on the node.'),
  revision: z
    .string()
    .describe(
      'Revision of the active policy: the first 12 hexadecimal digits of its `hash` among the revisions, or of the SHA-256 of the text of a policy file.',
    ),
  policy_number: z
    .int()
    .nullable()
    .describe('Number of the active revision of the cluster policy; `null` for a policy from a file.'),
  policy_sequence: z
    .int()
    .nullable()
    .describe(
      'Number of the activation of the revision `policy_number`. Rises with every policy change, also with a rollback.',
    ),
  policy_failed: z
    .int()
    .nullable()
    .describe('Number of a later policy activation that the node could not apply; `null` when the node is up to date.'),
  policy_canary: z
    .boolean()
    .describe(
      'Whether the node tries the revision `policy_number` as a canary, while other nodes enforce the previous revision.',
    ),
  position: z
    .string()
    .describe('Position in the event log of the cluster up to which the node has applied all events.'),
  lag_ms: z.number().describe('Time by which `position` is behind the newest event of the cluster, ms.'),
  heard_ms: z
    .number()
    .nullable()
    .describe(
      'Time since the node last renewed its lease in Redis, ms; a running node renews it several times per second. `null`: the node did not state the duration of its lease.',
    ),
})

export const listNodes = operation({
  id: 'list_nodes',
  method: 'GET',
  path: '/api/v1/nodes',
  summary: 'List the nodes of the cluster',
  description: 'Lists every node whose lease has not expired. A node that crashed is listed until its lease expires.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'The nodes of the cluster.', schema: z.strictObject({ nodes: z.array(member) }) } },
  problems: ['cluster_unavailable', 'unavailable'],
  example: {
    reply: {
      nodes: [
        {
          id: 'node-a',
          address: '10.0.0.5:8080',
          version: '1.0.0',
          revision: '3f2a9c1d04be',
          policy_number: 12,
          policy_sequence: 14,
          policy_failed: null,
          policy_canary: false,
          position: '1911902400000-0',
          lag_ms: 0,
          heard_ms: 140,
        },
      ],
    },
  },
  run: async ({ dependencies }) => {
    const members = await requireRedis(dependencies).cluster.list()
    return { status: 200, document: { nodes: members.map(({ key: _, eventKinds: __, ...node }) => node) } }
  },
})
