import { z } from 'zod'
import { formatDuration } from '../../base/duration.ts'
import type { DocumentPath } from '../../config/problem.ts'
import { duration, parsedText, text } from '../../config/text-schemas.ts'
import { formatRanges, type HealthRules, type StatusRange } from '../../upstream/checks/health-rules.ts'
import type { ServiceProtocol } from '../../upstream/service-protocol.ts'
import type { ReportProblem } from '../report-problem.ts'

const status = z
  .int()
  .min(200)
  .max(599)
  .transform((code): StatusRange => ({ from: code, to: code }))
const range = parsedText('a status such as 204, or a range such as 200-299', readRange)
const inRow = z.int().min(1).max(100)

/** Schema of `health` of a service: active checks of its upstreams. */
export const healthEntry = z.strictObject({
  path: text('a path that starts with /, such as /healthz', /^\/[\x21\x22\x24-\x7e]{0,2047}$/)
    .optional()
    .describe(
      'Path, and query, of the GET request of a check. Required with protocol http1. With h2 and h2c, a service without ' +
        'path is checked with the gRPC method grpc.health.v1.Health/Check.',
    ),
  interval: duration({ min: '1s', max: '1h' })
    .prefault('10s')
    .describe('Time between two checks of an upstream, 20% more or less at random. Default 10s, 1s to 1h.'),
  timeout: duration({ min: '100ms', max: '1m' })
    .prefault('2s')
    .describe('Maximum time of a check, connection included. Default 2s, 100ms to 1m.'),
  healthy: inRow
    .prefault(2)
    .describe('Consecutive passed checks after which a failing upstream gets calls again. Default 2, 1 to 100.'),
  unhealthy: inRow
    .prefault(3)
    .describe('Consecutive failed checks after which an upstream gets no calls. Default 3, 1 to 100.'),
  expect: z
    .array(z.union([status, range]))
    .min(1)
    .optional()
    .describe('Statuses, and ranges of statuses, with which a check passes. Default [200-299]. Needs path.'),
})

export type HealthEntry = z.output<typeof healthEntry>

const success: readonly StatusRange[] = [{ from: 200, to: 299 }]
/** Expected status of the reply to a gRPC check: 200, whatever the result of the call. */
const grpcReply: readonly StatusRange[] = [{ from: 200, to: 200 }]

/** Compiles `health` of a service. @param at  path of the entry in the policy */
export function compileHealth(
  entry: HealthEntry | undefined,
  protocol: ServiceProtocol,
  at: DocumentPath,
  report: ReportProblem,
): HealthRules | undefined {
  if (entry === undefined) return undefined
  const { path, expect, interval: intervalMs, timeout: timeoutMs, healthy, unhealthy } = entry
  if (path === undefined && protocol === 'http1') {
    const message = 'health needs path: a service with protocol http1 has no gRPC health check'
    report('GH_POLICY_HEALTH', message, at, 'add path, such as /healthz')
  } else if (path === undefined && expect !== undefined) {
    const message = 'expect has no effect without path: a gRPC health check passes when the service is SERVING'
    report('GH_POLICY_HEALTH', message, [...at, 'expect'], 'add path, or remove expect')
  }
  const expected = path === undefined ? grpcReply : (expect ?? success)
  return Object.freeze({ path, expect: expected, intervalMs, timeoutMs, healthy, unhealthy })
}

function readRange(written: string): StatusRange | undefined {
  const [, from, to] = /^([2-5][0-9]{2})-([2-5][0-9]{2})$/.exec(written) ?? []
  return from === undefined || Number(from) > Number(to) ? undefined : { from: Number(from), to: Number(to) }
}

/** Returns `health` as a policy states it. */
export function printHealth({ path, expect, interval, timeout, healthy, unhealthy }: HealthEntry): unknown {
  const statuses = path === undefined ? undefined : (expect ?? success)
  return {
    ...(path !== undefined && { path }),
    interval: formatDuration(interval),
    timeout: formatDuration(timeout),
    healthy,
    unhealthy,
    ...(statuses && {
      expect: statuses.map((each) => (each.from === each.to ? each.from : formatRanges([each]))),
    }),
  }
}
