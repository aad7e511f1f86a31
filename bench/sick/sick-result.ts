import { formatNumber } from '../harness/statistics.ts'
import type { FlowStep } from '../overload/flow.ts'
import type { Table } from '../report/rows.ts'
import type { Contender } from './balancers.ts'
import type { CallsBySecond, ServiceFault } from './service-fault.ts'

/** Part of its share of the load at which a recovered service is in use again. */
const IN_USE_PART = 0.5

/** Observations of the clients and of the sick service during one measurement. */
export interface Observed {
  /** Requests while all services were healthy. */
  readonly before: FlowStep
  /** Requests that were due immediately before the fault. */
  readonly edge: FlowStep
  readonly sick: FlowStep
  readonly after: FlowStep
  /** Calls that the sick service received during the fault, and after it. */
  readonly sickCalls: CallsBySecond
  readonly recoveredCalls: CallsBySecond
  /** Calls that each service gets while all are healthy, per second. */
  readonly fairPerSecond: number
  /** Time by which the load generator was late, 99th percentile, ms. */
  readonly lateP99Ms: number
}

/** Figures of one contender with one fault. */
export interface SickResult {
  readonly contender: Contender
  readonly fault: ServiceFault
  readonly observed: Observed
  /** Number of requests with a status from 500, without a reply, or not sent within 1 s, during the fault. */
  readonly failedCount: number
  /** Number of failed requests (see `failedCount`) after the fault. */
  readonly failedAfterCount: number
  /** Increase of a percentile of the latency during the fault, ms. Failed requests have no latency. */
  readonly addedP99Ms: number
  readonly addedP999Ms: number
  /** Time from the beginning of the fault to the last failed request, s; 0 without one. */
  readonly failingS: number
  /** Share of the requests during the fault that the sick service received, %. */
  readonly sickCallsPercent: number
  /** Time after the fault until the service receives half of its share again, s; `undefined`: not in this time. */
  readonly inUseS: number | undefined
}

export function sickResult(contender: Contender, fault: ServiceFault, observed: Observed): SickResult {
  const { before, edge, sick, after, sickCalls, recoveredCalls, fairPerSecond } = observed
  const inUse = recoveredCalls.findIndex((calls) => calls >= fairPerSecond * IN_USE_PART)
  return {
    contender,
    fault,
    observed,
    failedCount: failedRequests(edge) + failedRequests(sick),
    failedAfterCount: failedRequests(after),
    addedP99Ms: sick.p99Ms - before.p99Ms,
    addedP999Ms: sick.p999Ms - before.p999Ms,
    failingS: sick.lastRefusedMs / 1000,
    sickCallsPercent: (100 * sickCalls.reduce((sum, calls) => sum + calls, 0)) / sick.due,
    inUseS: inUse < 0 ? undefined : inUse,
  }
}

/** Number of requests without a status below 400. */
export function failedRequests({ due, replies }: FlowStep): number {
  return Object.entries(replies).reduce((left, [kind, count]) => (Number(kind) < 400 ? left - count : left), due)
}

/** Table with one row for each measurement, in the order of the faults. */
export function sickTable(results: readonly SickResult[]): Table {
  return {
    title: 'One of three services is sick',
    columns: [
      ...['fault', 'contender', 'failed', 'failing for s', 'p99 ms', 'added p99 ms', 'p99.9 ms', 'added p99.9 ms'],
      ...['calls to the sick %', 'failed after', 'in use again s'],
    ],
    rows: results.map((row) => [
      row.fault,
      row.contender,
      row.failedCount,
      formatNumber(row.failingS),
      formatNumber(row.observed.sick.p99Ms),
      formatNumber(row.addedP99Ms),
      formatNumber(row.observed.sick.p999Ms),
      formatNumber(row.addedP999Ms),
      formatNumber(row.sickCallsPercent),
      row.failedAfterCount,
      row.inUseS ?? 'not',
    ]),
  }
}
