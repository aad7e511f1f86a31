import { z } from 'zod'
import { batchChecks, type FoundRecord } from '../../audit/find-exchange.ts'
import { readRecordId } from '../../audit/record.ts'
import { type Reason, reasons } from '../../base/reasons.ts'
import { ApiProblem } from '../api-problem.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'

const place = z.strictObject({
  shard: z.int().describe('Shard of the audit log; 0 without Redis Cluster.'),
  entry: z.string().describe('Id of the entry in the Redis stream of the shard.'),
  chain: z.string().describe('Chain of the node that wrote the record.'),
  number: z.int().nullable().describe('Number of the record in its chain; null when its id is malformed.'),
  first: z.int().describe('Number of the first record of the sealed batch.'),
  last: z.int(),
  previous: z.string().describe('Hash of the previous batch of the chain.'),
  hash: z.string().describe('Hash of the sealed batch.'),
  key: z.string().nullable().describe('Id of the audit key of the seal; null without a key.'),
  check: z
    .enum(batchChecks)
    .describe(
      '`authentic`: the batch is unchanged, and its seal was made with an audit key of this node. `unchanged`: the batch ' +
        'fits its seal, which has no key or one that this node lacks. `altered`: it does not fit. The whole chain is ' +
        'checked by `GET /api/v1/audit/verification`.',
    ),
})

export const showExchange = operation({
  id: 'show_exchange',
  method: 'GET',
  path: '/api/v1/exchanges/{id}',
  summary: 'Show one exchange by its request id',
  description:
    'Returns the audit records of the exchange with their places in the sealed chain, and the meaning of the reason. ' +
    'Searches the newest 200 batches of each shard of the log. `trace_id` of a record names its trace.',
  scope: 'gatehouse:audit',
  pathParameters: z.strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,128}$/, { error: 'must be a request id of at most 128 letters, digits, ., _ and -' })
      .describe('Request id, as in `X-Request-Id`, the access log and error replies.'),
  }),
  replies: {
    200: {
      description: 'The exchange.',
      schema: z.strictObject({
        id: z.string(),
        reason: z
          .strictObject({
            name: z.string(),
            why: z.string().describe('Meaning of the reason, as in docs/reference/reasons.md.'),
            status: z.int(),
            code: z.string().describe('Code that the client got.'),
          })
          .nullable()
          .describe('Reason of the newest record; null when this version does not have it.'),
        records: z.array(
          z.strictObject({
            record: z.record(z.string(), z.unknown()).describe('Record with the fields of docs/guide/audit.md.'),
            place,
          }),
        ),
      }),
    },
  },
  problems: ['cluster_unavailable', 'exchange_unknown', 'unavailable'],
  example: {
    pathParameters: { id: '01K7V1S6X4QZ' },
    reply: {
      id: '01K7V1S6X4QZ',
      reason: {
        name: 'scope-missing',
        why: 'the token lacks a scope that the route requires',
        status: 403,
        code: 'insufficient_scope',
      },
      records: [
        {
          record: { id: 'node-a.0123456789ab-42', kind: 'exchange', 'gatehouse.reason': 'scope-missing' },
          place: {
            shard: 0,
            entry: '1911902400000-0',
            chain: 'node-a.0123456789ab',
            number: 42,
            first: 40,
            last: 60,
            previous: '0'.repeat(64),
            hash: 'a'.repeat(64),
            key: 'k1',
            check: 'authentic',
          },
        },
      ],
    },
  },
  run: async ({ pathParameters: { id }, dependencies }) => {
    const found = await requireRedis(dependencies).audit.findExchange(id)
    const [newest] = found
    if (newest === undefined) {
      throw new ApiProblem(
        'exchange_unknown',
        'the newest 200 batches of the audit log have no record with this request id',
        {
          hint: 'look for older records in the audit sinks',
        },
      )
    }
    return { status: 200, document: { id, reason: reasonOf(newest), records: found.map(shownRecord) } }
  },
})

function reasonOf({ record }: FoundRecord): object | null {
  const name = record['gatehouse.reason']
  if (typeof name !== 'string' || !Object.hasOwn(reasons, name)) return null
  const { why, status, code } = reasons[name as Reason]
  return { name, why, status, code }
}

function shownRecord({ record, shard, entry, seal, check }: FoundRecord): object {
  const { chain, first, last, previous, hash, key = null } = seal
  const number = readRecordId(record.id)?.number ?? null
  return { record, place: { shard, entry, chain, number, first, last, previous, hash, key, check } }
}
