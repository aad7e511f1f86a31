import { z } from 'zod'
import { byTrouble, TrafficRow } from '../../cluster/traffic-row.ts'
import { type ClusterRoute, type ClusterTraffic, TRAFFIC_STEP_S } from '../../cluster/traffic-summaries.ts'
import { operation } from '../operation.ts'
import { exampleTraffic, trafficDocument, trafficNumbers } from '../traffic-shape.ts'

const LIMIT_DEFAULT = 200

const name = z.string().min(1).max(512).optional()

const filter = z.strictObject({
  service: name.describe('Only routes of this service.'),
  route: name.describe('Only the route with this id.'),
  sort: z
    .enum(['trouble', 'requests', 'latency'])
    .optional()
    .describe(
      'Order of the routes. `trouble`: failures of the gate, then replies with status 5xx, then the refused share, then requests. `latency`: 99th percentile of the service. Default `trouble`.',
    ),
  limit: z
    .string()
    .regex(/^(?:[1-9][0-9]{0,2}|1000)$/, { error: 'must be a number from 1 to 1000' })
    .optional()
    .describe(`Maximum number of routes; the rest is in \`others\`. Default ${LIMIT_DEFAULT}, at most 1000.`),
})

const traffic = z.strictObject({
  window_s: z
    .number()
    .describe('Length of the time that the numbers cover, s: since the start of the previous minute.'),
  step_s: z.number().describe('Time that one point of a series covers, s.'),
  nodes: z.array(
    z.strictObject({
      node: z.string(),
      at: z.string().nullable().describe('Time of the summary by the clock of the node (RFC 3339); null without one.'),
      routes: z.number().describe('Number of routes in the summary of the node.'),
      summed: z
        .number()
        .describe('Number of further routes, which the summary has only as a sum, because it is limited to 64 KiB.'),
    }),
  ),
  missing: z
    .array(z.string())
    .describe(
      'Nodes without a summary of the last 10 s: killed, cut off from Redis, or of another version. Not in the numbers.',
    ),
  total: z.strictObject(trafficNumbers).describe('Sum of all routes, and of requests that match none.'),
  services: z.array(z.strictObject({ service: z.string(), routes: z.number(), ...trafficNumbers })),
  routes: z.array(
    z.strictObject({
      route: z.string().nullable().describe('null: requests that match no route.'),
      service: z.string().nullable(),
      nodes: z.array(z.string()).describe('Nodes that list the route.'),
      complete: z.boolean().describe('False when another node may have summed the route with others.'),
      ...trafficNumbers,
    }),
  ),
  others: z
    .strictObject({ routes: z.number(), ...trafficNumbers })
    .nullable()
    .describe('Sum of the routes that are not listed; null when all are.'),
})

export const showTraffic = operation({
  id: 'show_traffic',
  method: 'GET',
  path: '/api/v1/traffic',
  summary: 'Show the recent traffic of the cluster by route',
  description:
    'Each node publishes a summary of its traffic every 2 s, of 64 KiB at most; the reply merges them. A node without Redis shows its own traffic. Counters since the start of each node are in its metrics.',
  scope: 'gatehouse:read',
  query: filter,
  replies: { 200: { description: 'The recent traffic.', schema: traffic } },
  problems: ['unavailable'],
  example: {
    query: { service: 'orders', sort: 'trouble' },
    reply: {
      window_s: 64,
      step_s: 2,
      nodes: [
        { node: 'node-a', at: '2030-01-31T12:00:04.000Z', routes: 1, summed: 0 },
        { node: 'node-b', at: null, routes: 0, summed: 0 },
      ],
      missing: ['node-b'],
      total: exampleTraffic,
      services: [{ service: 'orders', routes: 1, ...exampleTraffic }],
      routes: [{ route: 'orders.read', service: 'orders', nodes: ['node-a'], complete: true, ...exampleTraffic }],
      others: null,
    },
  },
  run: async ({ query, dependencies }) => ({
    status: 200,
    document: documentOf(await dependencies.traffic.read(), query),
  }),
})

type Sort = NonNullable<z.output<typeof filter>['sort']>

const sorts: Readonly<Record<Sort, (a: TrafficRow, b: TrafficRow) => number>> = {
  trouble: (a, b) => byTrouble(troubleOf(a), troubleOf(b)),
  requests: (a, b) => b.requests - a.requests,
  latency: (a, b) => (b.upstream?.p99 ?? 0) - (a.upstream?.p99 ?? 0),
}

function troubleOf(row: TrafficRow): Parameters<typeof byTrouble>[0] {
  return { failed: row.decided('failed'), faults: row.faults, refused: row.decided('refused'), requests: row.requests }
}

function documentOf(cluster: ClusterTraffic, query: z.output<typeof filter>): z.input<typeof traffic> {
  const { service, route, sort = 'trouble', limit = LIMIT_DEFAULT } = query
  const isAll = service === undefined && route === undefined
  const wanted = cluster.routes.filter(
    (each) => (service ?? each.service) === each.service && (route ?? each.route) === each.route,
  )
  const sorted = wanted.toSorted((a, b) => sorts[sort](a.row, b.row))
  const [listed, left] = [sorted.slice(0, Number(limit)), sorted.slice(Number(limit))]
  const rest = isAll ? [cluster.others] : []
  const others = { routes: left.length + (isAll ? cluster.summed : 0), rows: [...left.map(({ row }) => row), ...rest] }
  const isSummed = new Map(cluster.nodes.map(({ node, summed }) => [node, summed > 0]))
  return {
    window_s: Math.round(cluster.windowS),
    step_s: TRAFFIC_STEP_S,
    nodes: cluster.nodes.map(({ node, atMs, ...counts }) => ({
      node,
      at: atMs === undefined ? null : new Date(atMs).toISOString(),
      ...counts,
    })),
    missing: cluster.nodes.flatMap(({ node, atMs }) => (atMs === undefined ? [node] : [])),
    total: trafficDocument(sumOfRows([...wanted.map(({ row }) => row), ...rest])),
    services: servicesOf(wanted, sorts[sort]),
    routes: listed.map(({ route: id, service: owner = null, nodes, row }) => ({
      route: id === '' ? null : id,
      service: owner,
      nodes,
      complete: ![...isSummed].some(([node, summed]) => summed && !nodes.includes(node)),
      ...trafficDocument(row),
    })),
    others: others.routes === 0 ? null : { routes: others.routes, ...trafficDocument(sumOfRows(others.rows)) },
  }
}

function servicesOf(
  routes: readonly ClusterRoute[],
  order: (a: TrafficRow, b: TrafficRow) => number,
): z.input<typeof traffic>['services'] {
  const owned = routes.filter(({ service }) => service !== undefined)
  const sums = [...Map.groupBy(owned, ({ service }) => service!)].map(([service, own]) => ({
    service,
    routes: own.length,
    row: sumOfRows(own.map(({ row }) => row)),
  }))
  const sorted = sums.sort((a, b) => order(a.row, b.row))
  return sorted.map(({ row, ...named }) => ({ ...named, ...trafficDocument(row) }))
}

function sumOfRows(rows: readonly TrafficRow[]): TrafficRow {
  const sum = new TrafficRow()
  for (const row of rows) sum.merge(row)
  return sum
}
