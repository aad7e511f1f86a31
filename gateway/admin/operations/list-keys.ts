import { z } from 'zod'
import { keyKinds } from '../../config/key-kinds.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const processes = z.array(z.string())

const key = z.strictObject({
  kind: z.enum(keyKinds).describe('Kind of the key, as under `keys` in the settings.'),
  id: z.string().describe('Id of the key, unique among keys of its kind.'),
  held_by: processes.describe('Nodes and workers that have the key, such as `node a`.'),
  lacking: processes.describe('Nodes and workers that need the key and lack it.'),
  written_by: processes.describe('Nodes and workers that sign, encrypt or seal with the key now.'),
  published_since: z
    .string()
    .nullable()
    .describe('Time since which every node publishes an assertion key (RFC 3339); `null` for another kind.'),
  needed_until: z
    .string()
    .nullable()
    .describe(
      'Time until which data that were written with the key are in use (RFC 3339), as far as is known now; `null` for a ' +
        'key that may be removed.',
    ),
})

export const listKeys = operation({
  id: 'list_keys',
  method: 'GET',
  path: '/api/v1/keys',
  summary: 'List the assertion, encryption, audit and policy keys of the cluster',
  description:
    'Lists for each key which nodes and workers have it and which of them write with it. Processes report their keys ' +
    'every 5 s and after each change; a process that stopped without a report is listed for up to 16 s. Contains no secret.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'The keys of the cluster.', schema: z.strictObject({ keys: z.array(key) }) } },
  problems: ['cluster_unavailable', 'unavailable'],
  example: {
    reply: {
      keys: [
        {
          kind: 'assertion',
          id: '2026-11',
          held_by: ['node a', 'node b'],
          lacking: [],
          written_by: ['node a', 'node b'],
          published_since: '2026-11-01T08:00:00.000Z',
          needed_until: '2026-12-01T21:02:00.000Z',
        },
      ],
    },
  },
  run: async ({ dependencies }) => ({
    status: 200,
    document: { keys: await requireRedis(dependencies).keys.list() },
  }),
})
