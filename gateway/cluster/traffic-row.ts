import { z } from 'zod'
import { type Decision, decisionOf } from '../base/decision.ts'
import { type Reason, reasons } from '../base/reasons.ts'
import { trafficLayout } from '../telemetry/traffic.ts'
import { type RecentSeries, TRAFFIC_STEPS, type TroubleCounts } from '../telemetry/traffic-windows.ts'

const { reasons: reasonNames, classes, gate, gateBounds, upstream, upstreamBounds } = trafficLayout

const count = z.number().min(0)
const series = z.array(count).max(TRAFFIC_STEPS)

/** Schema of the traffic of one route in a summary. */
export const storedRow = z.object({
  /** Id of the route; `''` for exchanges that matched no route. */
  route: z.string(),
  service: z.string().optional(),
  /** Number of exchanges by reason. Another version of Gatehouse may have further reasons. */
  reasons: z.record(z.string(), count),
  /** Number of exchanges by status class: none, then 1xx to 5xx. */
  classes: z.array(count).length(6),
  /** Number of replies with status 5xx that the service of the route sent. */
  faults: count,
  /** Number of exchanges in the buckets of the time in the gate, and of the time of the service. */
  own: z.array(count),
  upstream: z.array(count),
  inFlight: count,
  /** Points of the series, the newest last; earlier points are 0. */
  requests: series,
  trouble: series,
})

/** Traffic of one route of one node, as in a summary. */
export type StoredRow = z.output<typeof storedRow>

/** Counts of a summary, from counters in the order of `trafficLayout`. */
export function storedCounts(
  counts: Uint32Array | Float64Array,
): Pick<StoredRow, 'reasons' | 'classes' | 'own' | 'upstream'> {
  const reasons: Record<string, number> = {}
  for (const [place, name] of reasonNames.entries()) if (counts[place]! > 0) reasons[name] = counts[place]!
  return {
    reasons,
    classes: [...counts.subarray(classes, gate)],
    own: [...counts.subarray(gate, upstream)],
    upstream: [...counts.subarray(upstream)],
  }
}

export function storedSeries({ requests, trouble }: RecentSeries): Pick<StoredRow, 'requests' | 'trouble'> {
  return { requests: withoutLeadingZeros(requests), trouble: withoutLeadingZeros(trouble) }
}

function withoutLeadingZeros(numbers: readonly number[]): number[] {
  const first = numbers.findIndex((each) => each > 0)
  return first === -1 ? [] : numbers.slice(first)
}

/** Percentiles of a time, ms. A time above the last bucket counts as the bound of that bucket. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** Sum of the traffic of one or several routes, of one or several nodes. */
export class TrafficRow {
  requests = 0
  /** Requests per second: the sum of the rates of the nodes, each over the time window of its summary. */
  perSecond = 0
  faults = 0
  inFlight = 0
  /** @bound code */
  readonly reasons = new Map<string, number>()
  readonly classes = new Float64Array(6)
  readonly #own = new Float64Array(gateBounds.length + 1)
  readonly #upstream = new Float64Array(upstreamBounds.length + 1)
  readonly series = { requests: new Float64Array(TRAFFIC_STEPS), trouble: new Float64Array(TRAFFIC_STEPS) }

  /**
   * Adds the traffic of a node.
   *
   * @param windowS  length of the node's window, s
   * @param behind   number of steps by which the newest point of the row is older than the newest point of this sum
   */
  add(row: StoredRow, windowS: number, behind: number): void {
    let requests = 0
    for (const [reason, number] of Object.entries(row.reasons)) {
      requests += number
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + number)
    }
    this.requests += requests
    this.perSecond += requests / Math.max(1, windowS)
    this.faults += row.faults
    this.inFlight += row.inFlight
    addTo(this.classes, row.classes)
    addTo(this.#own, row.own)
    addTo(this.#upstream, row.upstream)
    for (const name of ['requests', 'trouble'] as const) {
      const points = row[name]
      const at = TRAFFIC_STEPS - behind - points.length
      for (const [i, point] of points.entries()) if (at + i >= 0) this.series[name][at + i]! += point
    }
  }

  /** Adds the traffic of another row to this row. */
  merge(other: TrafficRow): void {
    this.requests += other.requests
    this.perSecond += other.perSecond
    this.faults += other.faults
    this.inFlight += other.inFlight
    for (const [reason, number] of other.reasons) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + number)
    addTo(this.classes, other.classes)
    addTo(this.#own, other.#own)
    addTo(this.#upstream, other.#upstream)
    addTo(this.series.requests, other.series.requests)
    addTo(this.series.trouble, other.series.trouble)
  }

  /** Number of requests of the row with this decision. */
  decided(decision: Decision): number {
    let sum = 0
    for (const [reason, number] of this.reasons) if (storedDecision(reason) === decision) sum += number
    return sum
  }

  /** Percentiles of the time in the gate, ms; `undefined` without requests. */
  get own(): Percentiles | undefined {
    return percentilesOf(this.#own, gateBounds)
  }

  /** Time of the service until its response head, ms; `undefined` when it got no request. */
  get upstream(): Percentiles | undefined {
    return percentilesOf(this.#upstream, upstreamBounds)
  }
}

/** Decision of a reason in a summary; `undefined` for a reason of another version of Gatehouse. */
export function storedDecision(reason: string): Decision | undefined {
  return Object.hasOwn(reasons, reason) ? decisionOf(reason as Reason) : undefined
}

/** Adds the counts of a node. Another version of Gatehouse may have other buckets; their counts are left out. */
function addTo(sums: Float64Array, counts: readonly number[] | Float64Array): void {
  if (counts.length !== sums.length) return
  for (const [i, each] of counts.entries()) sums[i]! += each
}

function percentilesOf(counts: Float64Array, bounds: readonly number[]): Percentiles | undefined {
  const total = counts.reduce((sum, each) => sum + each, 0)
  if (total === 0) return undefined
  const at = (share: number) => Number((1000 * quantile(counts, bounds, share * total)).toPrecision(3))
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

/** Value below which `rank` observations are, interpolated within its bucket. */
function quantile(counts: Float64Array, bounds: readonly number[], rank: number): number {
  let below = 0
  for (const [i, each] of counts.entries()) {
    if (below + each < rank || each === 0) {
      below += each
      continue
    }
    const from = i === 0 ? 0 : bounds[i - 1]!
    const to = bounds[i] ?? from
    return from + ((to - from) * (rank - below)) / each
  }
  return bounds.at(-1)!
}

/**
 * Compares two routes: first failures because of the gate, then replies of the service with status 5xx, then the share
 * of refused requests, then the number of requests.
 */
export function byTrouble(a: TroubleCounts, b: TroubleCounts): number {
  const share = ({ refused, requests }: TroubleCounts) => (requests === 0 ? 0 : refused / requests)
  return b.failed - a.failed || b.faults - a.faults || share(b) - share(a) || b.requests - a.requests
}
