import { z } from 'zod'
import { Supervisor } from '../base/supervisor.ts'
import { trafficLayout } from '../telemetry/traffic.ts'
import { type RecentRoute, TRAFFIC_STEP_MS, TRAFFIC_STEPS, type TrafficWindows } from '../telemetry/traffic-windows.ts'
import { fittingTexts, NodeSummaries, type NodeSummariesDependencies, type SummaryKind } from './node-summaries.ts'
import { byTrouble, type StoredRow, storedCounts, storedRow, storedSeries, TrafficRow } from './traffic-row.ts'

/** Part of a summary for the members besides the routes, bytes: `others` has a count for each reason. */
const BESIDE_ROUTES_BYTES = 8 * 1024
/** Longest id of a route that is listed, characters. Routes with a longer id, and those after it, are summed. */
const ROUTE_ID_MAX = 512

const storedTraffic = z.object({
  /** Time of the summary, ms since the Unix epoch by the clock of the node. */
  atMs: z.number(),
  /** Length of the time window in which the node counted the requests, s. */
  windowS: z.number(),
  /** Number of the newest step of the series since the Unix epoch. */
  step: z.int(),
  routes: z.array(storedRow),
  /** Number of routes of which the summary has only the sum, in `others`. */
  summed: z.int(),
  others: storedRow,
})

export type StoredTraffic = z.output<typeof storedTraffic>

/** Traffic of one route, summed over all nodes. */
export interface ClusterRoute {
  readonly route: string
  readonly service: string | undefined
  /** Nodes whose summaries list the route. */
  readonly nodes: string[]
  readonly row: TrafficRow
}

/** Recent traffic of the cluster, by route. */
export interface ClusterTraffic {
  /** Nodes in the order of their ids; `atMs`: `undefined` for a node without a recent summary. */
  readonly nodes: readonly {
    readonly node: string
    readonly atMs: number | undefined
    readonly routes: number
    readonly summed: number
  }[]
  /** Length of the longest time window of a node, s. */
  readonly windowS: number
  readonly routes: readonly ClusterRoute[]
  /** Sum of the routes that the summaries do not list. */
  readonly others: TrafficRow
  readonly summed: number
}

export interface TrafficSummariesDependencies {
  readonly node: string
  readonly windows: Pick<TrafficWindows, 'read' | 'pauseMs'>
  /** Returns the id of the service of a route of the policy. */
  readonly serviceOf: (route: string) => string | undefined
  /** Returns the number of exchanges in progress by the id of their route; `''` for those without a route. */
  readonly inFlight: () => ReadonlyMap<string, number>
  /** Connection to the cluster; `undefined` without Redis. */
  readonly shared: Omit<NodeSummariesDependencies, 'node'> | undefined
}

/** Recent traffic by route: publishes that of this node every 2 s, and merges that of all nodes. */
export class TrafficSummaries {
  readonly #dependencies: TrafficSummariesDependencies
  readonly #summaries: NodeSummaries<StoredTraffic> | undefined
  readonly #endReading: () => void
  /** Latest summary of the traffic of this node. */
  #own: StoredTraffic | undefined

  constructor(dependencies: TrafficSummariesDependencies) {
    this.#dependencies = dependencies
    const { node, windows, shared } = dependencies
    const kind: SummaryKind<StoredTraffic> = {
      topic: 'traffic',
      pauseMs: () => windows.pauseMs,
      schema: storedTraffic,
      write: (maxBytes) => this.#write(maxBytes),
    }
    this.#summaries = shared && new NodeSummaries(kind, { ...shared, node })
    this.#endReading =
      shared === undefined
        ? new Supervisor('node-summaries').repeat(kind.pauseMs, () => kind.write(Number.POSITIVE_INFINITY))
        : () => undefined
  }

  /** Publishes the summary of the traffic of this node now. */
  async publish(): Promise<void> {
    await this.#summaries?.publish()
  }

  /**
   * Returns the merged traffic of all nodes; of this node alone without Redis.
   *
   * @throws {GatewayFault} `store-unavailable`
   */
  async read(): Promise<ClusterTraffic> {
    const { node } = this.#dependencies
    return mergeTraffic((await this.#summaries?.read()) ?? [{ node, body: this.#own }])
  }

  async close(): Promise<void> {
    this.#endReading()
    await this.#summaries?.close()
  }

  #write(maxBytes: number): string {
    const { windows, serviceOf, inFlight } = this.#dependencies
    const { atMs, sinceMs, step, routes } = windows.read()
    const open = inFlight()
    const ranked = routes.map((recent) => ({ recent, ...recent.trouble })).sort(byTrouble)
    const shown: StoredRow[] = []
    const rowsOf = function* (): Generator<string> {
      for (const { recent, faults } of ranked) {
        const { route } = recent
        if (route.length > ROUTE_ID_MAX) return
        const named = { route, service: serviceOf(route), inFlight: open.get(route) ?? 0, faults }
        const row = { ...named, ...storedCounts(recent.counts), ...storedSeries(recent.series(step)) }
        shown.push(row)
        yield JSON.stringify(row)
      }
    }
    const { list, count } = fittingTexts(rowsOf(), maxBytes - BESIDE_ROUTES_BYTES)
    const left = ranked.slice(count)
    const head = { atMs: Math.round(atMs), windowS: (atMs - sinceMs) / 1000, step, summed: left.length }
    const others = sumOf(left, step)
    for (const { recent } of left) others.inFlight += open.get(recent.route) ?? 0
    this.#own = { ...head, routes: shown.slice(0, count), others }
    return `${JSON.stringify({ ...head, others }).slice(0, -1)},"routes":[${list}]}`
  }
}

/** Sums the traffic of those routes of one node that the summary does not list. */
function sumOf(routes: readonly { readonly recent: RecentRoute; readonly faults: number }[], step: number): StoredRow {
  const counts = new Float64Array(trafficLayout.length)
  const series = {
    requests: new Array<number>(TRAFFIC_STEPS).fill(0),
    trouble: new Array<number>(TRAFFIC_STEPS).fill(0),
  }
  let faults = 0
  for (const { recent, faults: own } of routes) {
    faults += own
    recent.addTo(counts)
    recent.addSeries(series, step)
  }
  return { route: '', faults, inFlight: 0, ...storedCounts(counts), ...storedSeries(series) }
}

/** Merges the traffic summaries of all nodes into the traffic of the cluster. */
export function mergeTraffic(
  summaries: readonly { readonly node: string; readonly body: StoredTraffic | undefined }[],
): ClusterTraffic {
  const newest = Math.max(0, ...summaries.map(({ body }) => body?.step ?? 0))
  const routes = new Map<string, ClusterRoute>()
  const others = new TrafficRow()
  let summed = 0
  for (const { node, body } of summaries) {
    if (body === undefined) continue
    const behind = Math.min(TRAFFIC_STEPS, newest - body.step)
    for (const stored of body.routes) {
      const { route, service } = stored
      const merged = routes.get(route) ?? { route, service, nodes: [], row: new TrafficRow() }
      routes.set(route, merged)
      merged.nodes.push(node)
      merged.row.add(stored, body.windowS, behind)
    }
    others.add(body.others, body.windowS, behind)
    summed += body.summed
  }
  const nodes = summaries.map(({ node, body }) => ({
    node,
    atMs: body?.atMs,
    routes: body?.routes.length ?? 0,
    summed: body?.summed ?? 0,
  }))
  const windowS = Math.max(0, ...summaries.map(({ body }) => body?.windowS ?? 0))
  return { nodes, windowS, routes: [...routes.values()], others, summed }
}

/** Time that one point of a traffic series covers, s. */
export const TRAFFIC_STEP_S = TRAFFIC_STEP_MS / 1000
