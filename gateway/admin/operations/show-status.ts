import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import { operation } from '../operation.ts'

const issuerStatus = z.strictObject({
  name: z.string(),
  keys: z.number().describe('That can be used.'),
  ignored_keys: z.number(),
  outcome: z.enum(['succeeded', 'failed']).nullable().describe('Of the last read of its keys; null before the first.'),
  age_ms: z.number().nullable().describe('Since the last read that succeeded.'),
  error: z.string().nullable(),
})

const clusterStatus = z.strictObject({
  in_contact: z.boolean().describe('Whether the last exchange with Redis succeeded.'),
  caught_up: z.boolean().describe('Whether the node has taken in what the others knew when it joined.'),
  epoch: z
    .string()
    .nullable()
    .describe('Of the data in Redis: another one means that it was lost. null before the first contact.'),
  position: z.string().describe('Up to where it has applied the events.'),
  age_ms: z.number().nullable().describe('Since what it knows was proven to be up to date; null: never.'),
  bound_ms: z.number().describe('Beyond that age it admits nothing that it cannot vouch for.'),
  events_applied: z.number(),
  events_unknown: z.number().describe('Of kinds that this version does not know.'),
  joins: z.number().describe('How often it took in everything.'),
})

const auditStatus = z.strictObject({
  chain: z.string().describe('Of this run of the node.'),
  in_contact: z.boolean().describe('Whether Redis takes records.'),
  records: z.number().describe('That were taken, those that wait included.'),
  lost: z.number().describe('Records that found no room.'),
  oldest_unsent_ms: z.number().describe('Since the oldest record that Redis has not taken began to wait.'),
  memory_bytes: z.number().describe('Sealed records that wait in memory.'),
  spill: z.strictObject({ bytes: z.number(), max_bytes: z.number() }).nullable().describe('null: there is none.'),
  log_bytes: z.number().describe('Memory of the log in Redis, or of the part that the node writes to.'),
  trouble: z.string().nullable().describe('Why records wait.'),
})

const status = z.strictObject({
  node: z.string(),
  version: z.string(),
  started_at: z.string().describe('RFC 3339.'),
  ready: z.boolean().describe('Whether it takes traffic.'),
  policy: z.strictObject({
    revision: z.string(),
    loaded_at: z.string().describe('RFC 3339.'),
    services: z.number(),
    routes: z.number(),
    rejected: z.number().describe('Changes that did not hold, since the start.'),
  }),
  relaxations: z
    .array(z.string())
    .describe('What settings and policy relax, one entry each: `services.orders.credentials: token`.'),
  warnings: z.array(z.string()).describe('About the settings, as logged at start.'),
  issuers: z.array(issuerStatus),
  upstreams: z.array(z.strictObject({ service: z.string(), origin: z.string(), resting: z.boolean() })),
  in_flight: z.number(),
  connections: z.number(),
  tokens: z.strictObject({ cached: z.number(), capacity: z.number(), verifications: z.number() }),
  log_lines_lost: z.number(),
  cluster: clusterStatus.nullable().describe('null: the node stands alone.'),
  revocations: z
    .strictObject({ held: z.number(), bytes: z.number().describe('Memory that they take.') })
    .nullable()
    .describe('Those that the node knows.'),
  audit: auditStatus.nullable().describe('The audit log; null: there is none.'),
})

export const showStatus = operation({
  id: 'show_status',
  method: 'GET',
  path: '/status',
  summary: 'How this node is',
  description: 'This node alone; for the others ask theirs, or list the nodes.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'Its status.', schema: status } },
  run: ({ dependencies: { node, shared } }) => {
    const { snapshot, policy } = node
    const document: z.input<typeof status> = {
      node: node.id,
      version: node.version,
      started_at: new Date(performance.timeOrigin).toISOString(),
      ready: node.ready,
      policy: {
        revision: snapshot.revision,
        loaded_at: new Date(policy.loadedAtMs).toISOString(),
        services: snapshot.services.length,
        routes: snapshot.routes.length,
        rejected: policy.rejected,
      },
      relaxations: [...node.relaxations],
      warnings: [...node.warnings],
      issuers: node.issuerKeys.map(({ issuer, keys, ignored, outcome, ageMs, error }) => ({
        name: issuer,
        keys,
        ignored_keys: ignored,
        outcome: outcome ?? null,
        age_ms: ageMs ?? null,
        error: error ?? null,
      })),
      upstreams: [...node.upstreams],
      in_flight: node.inFlight,
      connections: node.connections.open,
      tokens: node.verifier,
      log_lines_lost: node.logLinesLost,
      cluster: shared?.cluster.status() ?? null,
      revocations: shared === undefined ? null : { held: shared.revocations.size, bytes: shared.revocations.bytes },
      audit: shared?.trail.status ?? null,
    }
    return { status: 200, document }
  },
})
