import { z } from 'zod'
import { rotatedKinds } from '../../config/key-kinds.ts'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const time = z.string().nullable()

const rotated = z.strictObject({
  rotated: z.literal(true),
  acknowledged: z.array(z.string()).describe('Nodes that sign, encrypt or seal with the new writing key.'),
  missing: z
    .array(z.string())
    .describe('Nodes that have not acknowledged the switch. Each of them switches when it reads the event log.'),
  old: z
    .string()
    .nullable()
    .describe('Id of the previous writing key; `null` when the requested key already was the writing key.'),
  old_may_go_at: time.describe('Time from which the previous writing key may be removed (RFC 3339).'),
})

const waiting = z.strictObject({
  rotated: z.literal(false),
  lacking: z.array(z.string()).describe('Nodes and workers that lack the key, such as `node a`.'),
  ready_at: time.describe(
    'Time from which every node has published the assertion key for `overlap_s` (RFC 3339); `null` while a process lacks the key.',
  ),
})

const outcome = z.union([rotated, waiting])

export const rotateKey = operation({
  id: 'rotate_key',
  method: 'POST',
  path: '/api/v1/keys/rotate',
  summary: 'Switch the writing key of the cluster',
  description:
    'Makes a key the key with which every node and worker signs (`assertion`, `policy`) or encrypts (`encryption`). Every ' +
    'process must have the key. Every node must have published an assertion key for the overlap, so that services know ' +
    'it. Otherwise nothing changes, and the reply is 202; send the call again later.',
  scope: 'gatehouse:admin',
  body: z.strictObject({
    kind: z.enum(rotatedKinds).describe('Kind of the key, as under `keys` in the settings.'),
    to: z.string().min(1).max(64).describe('Id of the key that becomes the writing key.'),
    overlap_s: z
      .int()
      .min(0)
      .max(86_400)
      .default(600)
      .describe('Time for which every node must have published an assertion key before the switch, s. Default 600.'),
  }),
  replies: {
    200: { description: 'The key is the writing key now.', schema: outcome },
    202: {
      description:
        'Nothing changed: a process lacks the key, or the overlap has not passed. Send the call again later.',
      schema: outcome,
    },
  },
  problems: ['key_unknown', 'cluster_unavailable', 'unavailable'],
  example: {
    body: { kind: 'assertion', to: '2026-12', overlap_s: 600 },
    reply: {
      rotated: true,
      acknowledged: ['a', 'b'],
      missing: [],
      old: '2026-11',
      old_may_go_at: '2026-12-01T21:12:10.000Z',
    },
  },
  run: async ({ body: { kind, to, overlap_s }, dependencies }) => {
    const { keys } = requireRedis(dependencies)
    if (!(await keys.has(kind, to))) {
      throw new ApiProblem('key_unknown', `no process has a key with this id in keys.${kind}`, {
        hint: 'add the key to the settings, or its file to the folder, of every node and worker',
      })
    }
    const result = await keys.rotate(kind, to, overlap_s * 1000)
    return { status: result.rotated ? 200 : 202, document: result, note: { kind, key: to, ...result } }
  },
})
