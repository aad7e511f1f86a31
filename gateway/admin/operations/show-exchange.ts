import { z } from 'zod'
import { batchChecks, type FoundRecord } from '../../audit/find-exchange.ts'
import { type AuditRecord, readRecordId } from '../../audit/record.ts'
import { type Reason, reasons } from '../../base/reasons.ts'
import { remedies } from '../../base/remedies.ts'
import { ApiProblem } from '../api-problem.ts'
import type { TraceDependencies } from '../dependencies.ts'
import { operation } from '../operation.ts'
import { requireRedis } from '../require-redis.ts'
import { linkOf, spansOf } from '../trace-document.ts'

const place = z.strictObject({
  shard: z.int().describe('Shard of the audit log; 0 without Redis Cluster.'),
  entry: z.string().describe('Id of the entry in the Redis stream of the shard.'),
  chain: z.string().describe('Id of the audit chain to which the record belongs.'),
  number: z.int().nullable().describe('Number of the record in its chain; null when its id is malformed.'),
  first: z.int().describe('Number of the first record of the sealed batch.'),
  last: z.int(),
  previous: z.string().describe('Hash of the previous sealed batch of the audit chain.'),
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

const phase = z.strictObject({
  name: z
    .string()
    .describe(
      'Name of the phase, `failed attempt` for a call of the service that was repeated, or `upstream` for the last call.',
    ),
  offset_ms: z.number().describe('Time from the start of the exchange, ms.'),
  ms: z.number().describe('Duration, ms.'),
  error: z.string().nullable(),
})

const trace = z.strictObject({
  trace_id: z.string(),
  recorded: z
    .boolean()
    .describe('Whether the cluster stores the trace of this exchange: `GET /api/v1/traces/{trace_id}`.'),
  link: z.string().nullable().describe('URL of the trace by `telemetry.traces.link`; null when the setting is absent.'),
})

const times = z.strictObject({
  gate_ms: z.number().nullable().describe('Time in the gate, ms.'),
  upstream_ms: z.number().nullable().describe('Time until the response head of the service, ms; null without one.'),
  total_ms: z.number().nullable().describe('Time until the end of the exchange, ms.'),
})

export const showExchange = operation({
  id: 'show_exchange',
  method: 'GET',
  path: '/api/v1/exchanges/{id}',
  summary: 'Show one exchange by its request id',
  description:
    'Returns the audit records of the exchange with their places in the sealed chain, the meaning of the reason and what ' +
    'to do first, and the phases of the exchange when its trace was recorded. Searches the newest 200 batches of each ' +
    'shard of the log.',
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
            remedy: z.string().nullable().describe('What to do first; null when `why` says it.'),
            status: z.int(),
            code: z.string().describe('Code that the client got.'),
          })
          .nullable()
          .describe('Reason of the newest record; null when this version does not have it.'),
        times: times.describe('Times of the newest record.'),
        phases: z
          .array(phase)
          .describe(
            'Phases that waited or refused, and calls of the service, in order of their start. Empty when the trace of ' +
              'the exchange was not recorded.',
          ),
        trace: trace.nullable().describe('Trace of the newest record; null when the record has no trace id.'),
        records: z.array(
          z.strictObject({
            record: z.record(z.string(), z.unknown()).describe('Audit record with the fields of docs/guide/audit.md.'),
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
        remedy: 'request the token with the scopes that the route requires',
        status: 403,
        code: 'insufficient_scope',
      },
      times: { gate_ms: 0.4, upstream_ms: null, total_ms: 0.4 },
      phases: [{ name: 'authorize', offset_ms: 0.3, ms: 0.1, error: null }],
      trace: { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', recorded: true, link: null },
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
    const { record } = newest
    return {
      status: 200,
      document: {
        id,
        reason: reasonOf(newest),
        times: timesOf(record),
        ...(await tracedOf(id, record, dependencies.traces)),
        records: found.map(shownRecord),
      },
    }
  },
})

function reasonOf({ record }: FoundRecord): object | null {
  const name = record['gatehouse.reason']
  if (typeof name !== 'string' || !Object.hasOwn(reasons, name)) return null
  const { why, status, code } = reasons[name as Reason]
  return { name, why, remedy: remedies[name as Reason] ?? null, status, code }
}

function timesOf(record: AuditRecord): z.input<typeof times> {
  const ms = (part: 'gate' | 'upstream' | 'total') => {
    const value = record[`gatehouse.${part}_ms`]
    return typeof value === 'number' ? value : null
  }
  return { gate_ms: ms('gate'), upstream_ms: ms('upstream'), total_ms: ms('total') }
}

/** Finds the trace of an exchange by trace id and request id: a client can put several requests into one trace. */
async function tracedOf(
  id: string,
  record: AuditRecord,
  traces: TraceDependencies | undefined,
): Promise<{ readonly phases: z.input<typeof phase>[]; readonly trace: z.input<typeof trace> | null }> {
  const traceId = record['trace_id']
  if (typeof traceId !== 'string' || !/^[0-9a-f]{32}$/.test(traceId)) return { phases: [], trace: null }
  const [found] =
    (await traces?.recent.find(
      ([whole]) => whole.traceId === traceId && whole.attributes['gatehouse.request.id'] === id,
      1,
    )) ?? []
  const spans = found === undefined ? [] : spansOf([found]).filter(({ span_id: span }) => span !== found[0].spanId)
  const phases = spans.map(({ name, kind, offset_ms, ms, error }) => ({
    name: kind === 'client' ? 'upstream' : name,
    offset_ms,
    ms,
    error,
  }))
  return {
    phases,
    trace: { trace_id: traceId, recorded: found !== undefined, link: linkOf(traceId, traces?.link) },
  }
}

function shownRecord({ record, shard, entry, seal, check }: FoundRecord): object {
  const { chain, first, last, previous, hash, key = null } = seal
  const number = readRecordId(record.id)?.number ?? null
  return { record, place: { shard, entry, chain, number, first, last, previous, hash, key, check } }
}
