import { performance } from 'node:perf_hooks'
import type { Commit } from '../base/commit.ts'
import { decisionOf } from '../base/decision.ts'
import { GRPC_CODES } from '../base/grpc-code.ts'
import { type Reason, reasons } from '../base/reasons.ts'
import { Histogram } from './histogram.ts'
import { instruments } from './instruments.ts'
import type { MetricSink, MetricSource } from './metrics.ts'

const reasonNames = Object.keys(reasons) as Reason[]
const indexOf = Object.fromEntries(reasonNames.map((reason, i) => [reason, i])) as Record<Reason, number>

/** Status classes 1xx to 5xx, and `none` for an exchange without a status. */
const classNames = ['none', '1xx', '2xx', '3xx', '4xx', '5xx']

/** Indexes in `#sums` of a route's counters for received bytes and sent bytes. */
const received = 0
const sent = 1
/** Index in `#sums` of a route's counter for finished exchanges. */
const finished = 2

/**
 * Maximum number of removed routes whose counters are kept. To a monitoring system, a counter that disappears looks
 * like a counter that was reset.
 */
const goneMax = 1000

/** Numbers of finished exchanges of a route by their outcome, since the start of the process. */
export interface RouteOutcomes {
  readonly requests: number
  /** Number of requests that were refused, or were redirected to a login. */
  readonly denials: number
  /**
   * Number of requests that got a status of 500 or above from the gate or the service, or whose reply the service cut
   * off. Excludes denials.
   */
  readonly faults: number
  /** Number of requests that failed because of the gate. These requests are also counted in `faults`. */
  readonly failures: number
  /**
   * Number of gRPC calls that ended with a gRPC status that means a fault. Includes calls that failed because of the
   * gate.
   */
  readonly grpcFaults: number
}

const loginReasons: readonly Reason[] = ['login-begun', 'login-choice', 'login-switch-asked']
/** Reasons of requests that were not admitted, except failures. */
const denialReasons = [...loginReasons, ...reasonNames.filter((reason) => decisionOf(reason) === 'refused')]
const failureReasons = reasonNames.filter((reason) => decisionOf(reason) === 'failed')
/**
 * Failures of logins, which match no route. Their series exist from the start, because to a monitoring system a counter
 * that appears has not increased.
 */
const loginFailures: readonly Reason[] = ['login-misconfigured', 'issuer-unreachable', 'store-unavailable']
/** Reasons of denials with a status of 500 or above. */
const faultyDenials = denialReasons.filter((reason) => reasons[reason].status >= 500)
const class5xx = classNames.indexOf('5xx')
/** gRPC status codes that mean a fault: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const grpcFaultCodes = [2, 4, 13, 14, 15]

/** A finished exchange. Times are monotonic, in ms; a time is 0 when the exchange did not reach its step. */
export interface EndedExchange {
  readonly route: { readonly id: string } | undefined
  readonly reason: Reason
  /** Status as in the access log; 0 when neither the service nor the gate set one. */
  readonly status: number
  readonly startedAt: number
  readonly forwardedAt: number
  readonly repliedAt: number
  readonly head: { readonly version: '1.1' | '2'; readonly grpc: boolean }
  readonly downstream: {
    readonly bytesIn: number
    readonly bytesOut: number
    readonly grpcStatus?: number | undefined
  }
}

const gateBounds = instruments.gateTime.bounds
const upstreamBounds = instruments.upstreamTime.bounds
const classesAt = reasonNames.length
const gateAt = classesAt + classNames.length
const upstreamAt = gateAt + gateBounds.length + 1

/**
 * Places of the counters of a route in one array: a counter for each reason, then status classes (`none`, then 1xx to
 * 5xx), buckets of the time in the gate, and buckets of the time of the service.
 */
export const trafficLayout = {
  reasons: reasonNames,
  classes: classesAt,
  gate: gateAt,
  gateBounds,
  upstream: upstreamAt,
  upstreamBounds,
  length: upstreamAt + upstreamBounds.length + 1,
} as const

/** Counters of one route as {@link Traffic} lists them. */
export interface CountedRoute {
  /** Number of finished exchanges since the start of the process. */
  readonly finished: number
  /** Copies the counters modulo 2³² to an array of `trafficLayout.length`, in the order of `trafficLayout`. */
  copyTo(counts: Uint32Array): void
}

/** Counters of one route, in typed arrays, because every exchange updates them. */
class RouteTraffic implements CountedRoute {
  readonly #reasons = new Float64Array(reasonNames.length)
  readonly #classes = new Float64Array(classNames.length)
  readonly #sums = new Float64Array(3)
  #http2 = 0
  /**
   * Number of gRPC calls by status; the last element counts the calls without a status. Created with the first gRPC
   * call.
   */
  #calls: Float64Array | undefined
  readonly #gate = new Histogram(instruments.gateTime.bounds)
  readonly #upstream = new Histogram(instruments.upstreamTime.bounds)

  count(x: EndedExchange): void {
    const { reason, status, startedAt, forwardedAt, repliedAt, downstream } = x
    this.#reasons[indexOf[reason]]!++
    this.#classes[status < 100 || status > 599 ? 0 : (status / 100) | 0]!++
    const leftAt = forwardedAt === 0 ? performance.now() : forwardedAt
    this.#gate.observe((leftAt - startedAt) / 1000)
    if (repliedAt !== 0) this.#upstream.observe((repliedAt - forwardedAt) / 1000)
    const sums = this.#sums
    sums[received]! += downstream.bytesIn
    sums[sent]! += downstream.bytesOut
    sums[finished]!++
    if (x.head.version === '2') this.#countHttp2(x)
  }

  #countHttp2({ head, downstream }: EndedExchange): void {
    this.#http2++
    if (!head.grpc) return
    this.#calls ??= new Float64Array(GRPC_CODES + 1)
    this.#calls[downstream.grpcStatus ?? GRPC_CODES]!++
  }

  get finished(): number {
    return this.#sums[finished]!
  }

  copyTo(counts: Uint32Array): void {
    counts.set(this.#reasons)
    counts.set(this.#classes, trafficLayout.classes)
    counts.set(this.#gate.counts, trafficLayout.gate)
    counts.set(this.#upstream.counts, trafficLayout.upstream)
  }

  get outcomes(): RouteOutcomes {
    const sum = (names: readonly Reason[]) =>
      names.reduce((total, reason) => total + this.#reasons[indexOf[reason]]!, 0)
    const grpcFaults = grpcFaultCodes.reduce((total, code) => total + (this.#calls?.[code] ?? 0), 0)
    const faults = this.#classes[class5xx]! - sum(faultyDenials) + sum(['reply-broken'])
    const requests = this.#reasons.reduce((total, count) => total + count, 0)
    return { requests, denials: sum(denialReasons), faults, failures: sum(failureReasons), grpcFaults }
  }

  /** @param always  reasons whose counters are also shown while they are 0 */
  collect(sink: MetricSink, route: string, always: readonly Reason[] = []): void {
    for (const [i, reason] of reasonNames.entries()) {
      const count = this.#reasons[i]!
      if (count > 0 || always.includes(reason))
        sink.value(instruments.requests, count, { route, decision: decisionOf(reason), reason })
    }
    for (const [i, name] of classNames.entries()) {
      if (i > 0 && this.#classes[i]! > 0) sink.value(instruments.responses, this.#classes[i]!, { route, class: name })
    }
    if (this.#http2 > 0) sink.value(instruments.http2Requests, this.#http2, { route })
    for (const [code, count] of this.#calls?.entries() ?? []) {
      if (count === 0) continue
      sink.value(instruments.grpcCalls, count, { route, code: code === GRPC_CODES ? 'none' : String(code) })
    }
    if (this.#gate.count === 0) return
    sink.histogram(instruments.gateTime, this.#gate, { route })
    if (this.#upstream.count > 0) sink.histogram(instruments.upstreamTime, this.#upstream, { route })
    sink.value(instruments.received, this.#sums[received]!, { route })
    sink.value(instruments.sent, this.#sums[sent]!, { route })
  }
}

/**
 * Counts all exchanges by route. A route with the same id keeps its counters when the policy changes. The counters of
 * up to 1000 removed routes stay until the process ends; beyond that, the route removed first is dropped.
 */
export class Traffic implements MetricSource {
  /** Counters of exchanges that matched no route. */
  readonly #unrouted = new RouteTraffic()
  /**
   * Counters by the id of the route.
   *
   * @bound the routes of the policy, and 1,000 removed routes | the counters of the route removed first are dropped |
   *   none
   */
  readonly #routes = new Map<string, RouteTraffic>()
  /**
   * Ids of removed routes, in the order of their removal.
   *
   * @bound 1,000 routes | the counters of the route removed first are dropped | none
   */
  readonly #gone = new Set<string>()

  /** Counts one finished exchange. On the hot path: allocates nothing. */
  count(x: EndedExchange): void {
    const traffic = x.route === undefined ? undefined : this.#routes.get(x.route.id)
    ;(traffic ?? this.#unrouted).count(x)
  }

  /** Replaces the counted routes by these routes immediately: {@link prepare} and its commit in one step. */
  retain(routeIds: Iterable<string>): void {
    this.prepare(routeIds)()
  }

  /** Prepares to count exactly the routes of a policy. The returned commit applies the change. */
  prepare(routeIds: Iterable<string>): Commit {
    const ids = new Set(routeIds)
    return () => this.#retain(ids)
  }

  #retain(ids: ReadonlySet<string>): void {
    for (const id of this.#routes.keys()) if (!ids.has(id)) this.#gone.add(id)
    for (const id of ids) {
      this.#gone.delete(id)
      if (!this.#routes.has(id)) this.#routes.set(id, new RouteTraffic())
    }
    for (const id of this.#gone) {
      if (this.#gone.size <= goneMax) break
      this.#gone.delete(id)
      this.#routes.delete(id)
    }
  }

  /** Returns the counted outcomes by the id of the route. The id `''` stands for exchanges that matched no route. */
  outcomes(): Map<string, RouteOutcomes> {
    const found = new Map([['', this.#unrouted.outcomes]])
    for (const [id, traffic] of this.#routes) found.set(id, traffic.outcomes)
    return found
  }

  /** Lists the counters by the id of the route. The id `''` stands for exchanges that matched no route. */
  *routes(): Generator<readonly [route: string, counts: CountedRoute]> {
    yield ['', this.#unrouted]
    yield* this.#routes
  }

  collect(sink: MetricSink): void {
    this.#unrouted.collect(sink, '', loginFailures)
    for (const [id, traffic] of this.#routes) traffic.collect(sink, id)
  }
}
