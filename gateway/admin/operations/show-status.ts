import { performance } from 'node:perf_hooks'
import { z } from 'zod'
import type { OverloadStatus } from '../../overload/overload.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { upstreamStates } from '../../upstream/balanced-target.ts'
import { serviceProtocols } from '../../upstream/service-protocol.ts'
import { expiryExample, expiryShape, shapedExpiry } from '../expiry-shape.ts'
import { operation } from '../operation.ts'
import { upstreamAddressShape } from '../upstream-shape.ts'

const issuerStatus = z.strictObject({
  name: z.string(),
  keys: z.number().describe('Number of usable keys in the key set of the issuer.'),
  ignored_keys: z.number(),
  outcome: z
    .enum(['succeeded', 'failed'])
    .nullable()
    .describe('Result of the last fetch of the key set; null before the first fetch.'),
  age_ms: z
    .number()
    .nullable()
    .describe('Time since the last successful fetch of the key set, ms; null when there was none.'),
  error: z.string().nullable(),
})

const clusterStatus = z.strictObject({
  in_contact: z
    .boolean()
    .describe('Whether the last request to Redis succeeded and no other node uses the id of this node.'),
  caught_up: z
    .boolean()
    .describe(
      'Whether the node has loaded the state of the cluster since its start. Stays true when the node loses contact and joins again.',
    ),
  epoch: z
    .string()
    .nullable()
    .describe('Epoch of the data in Redis. A new epoch means that Redis lost its data. null before the first contact.'),
  position: z.string().describe('Position of the last event of the cluster that this node has applied.'),
  age_ms: z
    .number()
    .nullable()
    .describe(
      'Time since the state of the cluster on this node was last confirmed as current, ms; null before the first confirmation.',
    ),
  bound_ms: z.number().describe('Maximum `age_ms`. Above it, the node rejects requests that depend on revocations.'),
  events_applied: z.number(),
  events_unknown: z
    .number()
    .describe('Events of the cluster that the node skipped, because its version does not know their kind.'),
  joins: z
    .number()
    .describe(
      'Full loads of the cluster state by this node: at its start, after a gap in the events, and after a loss of Redis data.',
    ),
})

const auditStatus = z.strictObject({
  chain: z.string().describe('Id of the audit chain of this run of the node.'),
  in_contact: z.boolean().describe('Whether Redis accepts audit records.'),
  records: z
    .number()
    .describe('Audit records that the node accepted since its start, including records that are not in Redis yet.'),
  lost: z.number().describe('Audit records that were lost because Redis, disk and memory had no space.'),
  oldest_unsent_ms: z.number().describe('Age of the oldest audit record that is not in Redis yet, ms.'),
  memory_bytes: z.number().describe('Size of sealed audit records in memory that are not in Redis yet, bytes.'),
  spill: z
    .strictObject({ bytes: z.number(), max_bytes: z.number() })
    .nullable()
    .describe('Files for audit records that Redis does not accept; null when the settings have no `audit.spill`.'),
  log_bytes: z
    .number()
    .describe('Redis memory that the audit log uses, bytes. In Redis Cluster: the shard to which this node writes.'),
  trouble: z.string().nullable().describe('Why audit records are not in Redis yet; null when there is no problem.'),
})

const overloadStatus = z.strictObject({
  mode: z.enum(['shed', 'observe', 'off']),
  level: z
    .int()
    .describe(
      'Number of classes of requests, of 9, of which the node sheds at least a part because of the event loop or the memory; 0 without overload.',
    ),
  delay_ms: z.number().describe('Median delay of the event loop in the last 100 ms, ms.'),
  busy: z.number().describe('Part of the last 100 ms in which the event loop did not wait for events, 0 to 1.'),
  in_flight: z.int().describe('Admitted exchanges in progress, without event streams and WebSockets.'),
  memory: z.number().describe('Used part of the memory limit of the process or of its JavaScript heap, 0 to 1.'),
  shed: z
    .int()
    .describe('Requests that the node shed since its start; with `overload.mode: observe`, that it would have shed.'),
})

const status = z.strictObject({
  node: z.string(),
  version: z.string(),
  started_at: z.string().describe('Start time of the node (RFC 3339).'),
  ready: z.boolean().describe('Whether the node is ready for traffic.'),
  policy: z.strictObject({
    revision: z.string(),
    loaded_at: z.string().describe('Time at which the node loaded the active policy (RFC 3339).'),
    services: z.number(),
    routes: z.number(),
    rejected: z.number().describe('Invalid policies that the node rejected since its start.'),
  }),
  relaxations: z
    .array(z.string())
    .describe(
      'Security relaxations in settings and policy, one entry each, for example `services.orders.credentials: token`.',
    ),
  warnings: z.array(z.string()).describe('Warnings about the settings, as logged at the start of the node.'),
  issuers: z.array(issuerStatus),
  upstreams: z.array(
    z.strictObject({
      service: z.string(),
      origin: z.string(),
      address: upstreamAddressShape,
      protocol: z.enum(serviceProtocols).describe('Protocol in which the gate calls the upstream.'),
      connections: z.int().describe('Open connections of the node to the upstream.'),
      resting: z.boolean().describe('True while the node avoids the upstream because a connection to it failed.'),
      weight: z.int().describe('Weight of the upstream in the policy. The addresses of the upstream share it.'),
      calls: z.int().describe('Calls of the node to the upstream that are in flight, WebSockets included.'),
      limit: z
        .int()
        .describe(
          'Maximum number of concurrent calls: max_calls, or with concurrency adaptive the current limit of the calls that wait for their reply.',
        ),
      state: z
        .enum(upstreamStates)
        .describe(
          'State of the upstream on the node: up, slow-start after an outage, resting after a failed connection, ejected ' +
            'as an outlier, failing its health checks, drained, or unresolved: its name has no address. Only up and ' +
            'slow-start get calls, unless no upstream of the service is in these states.',
        ),
      check: z
        .string()
        .nullable()
        .describe('Outcome of the latest health check; null before the first one, and without health checks.'),
    }),
  ),
  names: z
    .array(
      z.strictObject({
        name: z.string(),
        addresses: z.array(z.string()).describe('Addresses that the upstreams with this name use, at most 64.'),
        age_ms: z
          .number()
          .nullable()
          .describe('Time since the latest successful DNS lookup of the name, ms; null before it.'),
        error: z.string().nullable().describe('Why the latest DNS lookup of the name failed; null when it succeeded.'),
      }),
    )
    .describe('DNS names of upstreams, as the node has resolved them.'),
  credentials: z
    .array(z.strictObject({ service: z.string(), types: z.array(z.string()) }))
    .describe('Kinds of credentials that each service receives, without their values.'),
  expiries: z
    .array(expiryShape)
    .describe('Certificates, secrets and keys of this node that end at a known time, the earliest first.'),
  grants: z
    .array(
      z.strictObject({
        issuer: z.string(),
        client_id: z.string(),
        expires_at: z.string().nullable().describe('Time at which the token expires (RFC 3339); null without a token.'),
        problem: z
          .string()
          .nullable()
          .describe('Why the last token request to the issuer failed; null when it succeeded.'),
      }),
    )
    .describe('Tokens of the gate for services (client credentials) on this node, without their values.'),
  in_flight: z.number(),
  connections: z.number(),
  overload: overloadStatus.describe('Overload protection of the node.'),
  tokens: z.strictObject({ cached: z.number(), capacity: z.number(), verifications: z.number() }),
  log_lines_lost: z.number(),
  cluster: clusterStatus
    .nullable()
    .describe('State of the cluster on this node; null when the node runs without Redis.'),
  revocations: z
    .strictObject({ held: z.number(), bytes: z.number().describe('Memory that the revocations use, bytes.') })
    .nullable()
    .describe('Revocations in the memory of the node; null when the node runs without Redis.'),
  audit: auditStatus.nullable().describe('State of the audit log; null when the node runs without Redis.'),
})

export const showStatus = operation({
  id: 'show_status',
  method: 'GET',
  path: '/status',
  summary: 'Show the status of this node',
  description:
    'Shows only the node that replies. For the status of the cluster, send the call to each node, or list the nodes.',
  scope: 'gatehouse:read',
  replies: { 200: { description: 'Status of the node.', schema: status } },
  example: {
    reply: {
      node: 'node-a',
      version: '1.0.0',
      started_at: '2030-01-31T08:00:00.000Z',
      ready: true,
      policy: {
        revision: '3f2a9c1d04be',
        loaded_at: '2030-01-31T08:00:00.000Z',
        services: 1,
        routes: 3,
        rejected: 0,
      },
      relaxations: ['services.orders.credentials: token'],
      warnings: [],
      issuers: [{ name: 'main', keys: 2, ignored_keys: 0, outcome: 'succeeded', age_ms: 42_000, error: null }],
      upstreams: [
        {
          service: 'orders',
          origin: 'http://orders:8080',
          address: '10.0.0.7',
          protocol: 'http1',
          connections: 12,
          resting: false,
          weight: 1,
          calls: 3,
          limit: 4096,
          state: 'up',
          check: 'status 200',
        },
      ],
      names: [{ name: 'orders', addresses: ['10.0.0.7'], age_ms: 2100, error: null }],
      credentials: [{ service: 'orders', types: ['token'] }],
      expiries: [expiryExample],
      grants: [],
      in_flight: 4,
      connections: 18,
      overload: { mode: 'shed', level: 0, delay_ms: 0.4, busy: 0.12, in_flight: 4, memory: 0.21, shed: 0 },
      tokens: { cached: 120, capacity: 10_000, verifications: 512 },
      log_lines_lost: 0,
      cluster: null,
      revocations: null,
      audit: null,
    },
  },
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
      upstreams: node.upstreams.map(({ ejections, checks, lastCheck, ...shown }) => ({
        ...shown,
        address: shown.address ?? null,
        check: lastCheck?.detail ?? null,
      })),
      names: node.names.map(({ name, addresses, ageMs, error }) => ({
        name,
        addresses: [...addresses],
        age_ms: ageMs === undefined ? null : Math.round(ageMs),
        error: error ?? null,
      })),
      credentials: credentialsOf(snapshot),
      expiries: node.expiries.map(shapedExpiry),
      grants: [...node.grants],
      in_flight: node.inFlight,
      connections: node.connections.open,
      overload: shownOverload(node.overload),
      tokens: node.verifier,
      log_lines_lost: node.logLinesLost,
      cluster: shared?.cluster.status() ?? null,
      revocations: shared === undefined ? null : { held: shared.revocations.size, bytes: shared.revocations.bytes },
      audit: shared?.trail.status ?? null,
    }
    return { status: 200, document }
  },
})

function shownOverload({ delayMs, busy, inFlight, memory, ...rest }: OverloadStatus): z.input<typeof overloadStatus> {
  const rounded = {
    delay_ms: Number(delayMs.toFixed(1)),
    busy: Number(busy.toFixed(2)),
    memory: Number(memory.toFixed(3)),
  }
  return { ...rest, ...rounded, in_flight: inFlight }
}

function credentialsOf({ routes }: Pick<Snapshot, 'routes'>): z.input<typeof status>['credentials'] {
  const byService = Map.groupBy(routes, ({ service }) => service.id)
  return [...byService].map(([service, own]) => ({
    service,
    types: [...new Set(own.map(({ credential }) => credential.type))],
  }))
}
