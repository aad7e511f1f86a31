import { z } from 'zod'
import { decisions } from '../base/decision.ts'
import { storedDecision, type TrafficRow } from '../cluster/traffic-row.ts'

const percentiles = z
  .strictObject({ p50: z.number(), p95: z.number(), p99: z.number() })
  .nullable()
  .describe('Percentiles, ms, interpolated within the buckets of the metric; null without requests.')

const statusClasses = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** Members of every sum of traffic in replies of the admin API. */
export const trafficNumbers = {
  requests: z.number().describe('Number of finished exchanges.'),
  per_second: z.number().describe('Number of finished exchanges per second.'),
  admitted: z.number(),
  answered: z.number(),
  refused: z.number(),
  failed: z.number().describe('Number of requests that failed because of the gate, an issuer or Redis.'),
  broken: z.number().describe('Number of admitted requests whose exchange did not complete.'),
  faults: z.number().describe('Number of replies of the service with status 5xx.'),
  status: z
    .strictObject(
      Object.fromEntries(statusClasses.map((name) => [name, z.number()])) as Record<StatusClass, z.ZodNumber>,
    )
    .describe('Number of exchanges by status class; `none`: without a status.'),
  reasons: z
    .array(
      z.strictObject({
        reason: z.string(),
        decision: z.enum(decisions).nullable().describe('null: the reason is of another version of Gatehouse.'),
        requests: z.number(),
      }),
    )
    .describe('Exchanges by reason, except admitted and answered ones, the most frequent first.'),
  own_ms: percentiles.describe('Time in the gate, ms: as in `gatehouse_gate_seconds`. null without requests.'),
  upstream_ms: percentiles.describe(
    'Time of the service, ms: as in `gatehouse_upstream_seconds`. null without requests.',
  ),
  in_flight: z.number().describe('Number of exchanges in progress at the time of the summaries.'),
  series: z
    .strictObject({ requests: z.array(z.number()), trouble: z.array(z.number()) })
    .describe(
      'The last 60 steps of `step_s`, the oldest first: exchanges, and those of them that were refused, failed, or got a status 5xx of the service.',
    ),
} as const

type StatusClass = (typeof statusClasses)[number]

const numbers = z.strictObject(trafficNumbers)

export function trafficDocument(row: TrafficRow): z.output<typeof numbers> {
  const reasons = [...row.reasons].map(([reason, requests]) => ({
    reason,
    decision: storedDecision(reason) ?? null,
    requests,
  }))
  const shown = reasons.filter(({ decision }) => decision !== 'admitted' && decision !== 'answered')
  return {
    requests: row.requests,
    per_second: Number(row.perSecond.toFixed(2)),
    admitted: row.decided('admitted'),
    answered: row.decided('answered'),
    refused: row.decided('refused'),
    failed: row.decided('failed'),
    broken: row.decided('broken'),
    faults: row.faults,
    status: Object.fromEntries(statusClasses.map((name, i) => [name, row.classes[i]!])) as Record<StatusClass, number>,
    reasons: shown.sort((a, b) => b.requests - a.requests),
    own_ms: row.own ?? null,
    upstream_ms: row.upstream ?? null,
    in_flight: row.inFlight,
    series: { requests: [...row.series.requests], trouble: [...row.series.trouble] },
  }
}

/** Example of the traffic of a route, for the OpenAPI document. */
export const exampleTraffic: z.input<typeof numbers> = {
  requests: 1200,
  per_second: 18.75,
  admitted: 1120,
  answered: 0,
  refused: 76,
  failed: 2,
  broken: 2,
  faults: 1,
  status: { none: 0, '1xx': 0, '2xx': 1121, '3xx': 0, '4xx': 76, '5xx': 3 },
  reasons: [
    { reason: 'credential-missing', decision: 'refused', requests: 76 },
    { reason: 'upstream-unreachable', decision: 'failed', requests: 2 },
    { reason: 'client-gone', decision: 'broken', requests: 2 },
  ],
  own_ms: { p50: 0.18, p95: 0.62, p99: 1.4 },
  upstream_ms: { p50: 4.2, p95: 18, p99: 44 },
  in_flight: 3,
  series: { requests: [36, 38], trouble: [2, 3] },
}
