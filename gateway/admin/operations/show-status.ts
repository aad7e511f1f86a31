import { z } from 'zod'
import { operation } from '../operation.ts'
import { relaxationsOf } from '../relaxations.ts'

const issuerStatus = z.strictObject({
  name: z.string(),
  keys: z.number().describe('That can be used.'),
  ignored_keys: z.number(),
  outcome: z.enum(['succeeded', 'failed']).nullable().describe('Of the last read of its keys; null before the first.'),
  age_ms: z.number().nullable().describe('Since the last read that succeeded.'),
  error: z.string().nullable(),
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
    .describe('What the policy relaxes, one entry each: `services.orders.credentials: token`.'),
  warnings: z.array(z.string()).describe('About the settings, as logged at start.'),
  issuers: z.array(issuerStatus),
  upstreams: z.array(z.strictObject({ service: z.string(), origin: z.string(), resting: z.boolean() })),
  in_flight: z.number(),
  connections: z.number(),
  tokens: z.strictObject({ cached: z.number(), capacity: z.number(), verifications: z.number() }),
  log_lines_lost: z.number(),
  cluster: z.record(z.string(), z.unknown()).nullable().describe('null: the node stands alone.'),
})

export const showStatus = operation({
  id: 'show_status',
  method: 'GET',
  path: '/status',
  summary: 'How this node is',
  description: 'This node alone; for the others ask theirs, or list the nodes.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'Its status.', schema: status } },
  run: ({ parts: { node, cluster } }) => {
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
      relaxations: relaxationsOf(snapshot),
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
      cluster: cluster?.status() ?? null,
    }
    return { status: 200, document }
  },
})
