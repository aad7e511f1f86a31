import { z } from 'zod'
import type { RouteOutcomes } from '../telemetry/traffic.ts'
import type { Envelopes } from './envelope.ts'

/** Requests of one route on the canary nodes or on the other nodes. */
export interface RequestCounts {
  readonly requests: number
  readonly denials: number
  readonly faults: number
}

const counts = z.tuple([z.number(), z.number(), z.number()])

const reportBody = z.strictObject({
  /** Number of the activation with which the rollout began. */
  sequence: z.int(),
  /** Key of the member that makes the report. */
  member: z.string(),
  /** Number of the revision by which the member decides. */
  number: z.int(),
  /** Problem because of which the member does not enforce the canary that it was chosen to try. */
  problem: z.string().optional(),
  /**
   * For each route with traffic: its id, then the numbers of its requests, denials and faults. The id `''` stands for
   * requests that match no route.
   */
  routes: z.array(z.tuple([z.string(), counts])),
})

/** Numbers of requests that a member has handled since it began to take part in a rollout. */
export type RolloutReport = Readonly<z.output<typeof reportBody>>

/** Maximum length of the text of a problem in a report, characters. */
const PROBLEM_MAX = 2000

export function sealReport(envelopes: Envelopes, report: RolloutReport): string {
  const problem = report.problem?.slice(0, PROBLEM_MAX)
  return envelopes.seal('rollout-counts', JSON.stringify({ ...report, problem }))
}

/**
 * Opens the report of a member; `undefined` when the report is not authentic, or belongs to another rollout or member.
 */
export function openReport(
  envelopes: Envelopes,
  text: string,
  { sequence, member }: Pick<RolloutReport, 'sequence' | 'member'>,
): RolloutReport | undefined {
  const opened = envelopes.open('rollout-counts', text)
  if ('fault' in opened) return undefined
  const { data } = reportBody.safeParse(JSON.parse(opened.body))
  return data?.sequence === sequence && data.member === member ? data : undefined
}

/** Number of requests of each route since an earlier reading of the counters. Omits routes without requests. */
export function countsSince(
  before: ReadonlyMap<string, RouteOutcomes>,
  now: ReadonlyMap<string, RouteOutcomes>,
): RolloutReport['routes'] {
  const rows: RolloutReport['routes'] = []
  for (const [id, outcomes] of now) {
    const was = before.get(id)
    // Use the whole counter when the difference is negative: a removed route has come back, and its counter started
    // again at 0.
    const since = (name: keyof RouteOutcomes) => Math.max(0, outcomes[name] - (was?.[name] ?? 0))
    const requests = since('requests')
    if (requests === 0) continue
    // A failure of the gate in a gRPC call counts in both counters, by its HTTP status and by its gRPC status. Count
    // such a failure once.
    const grpcFaults = Math.max(0, since('grpcFaults') - since('failures'))
    rows.push([id, [requests, since('denials'), Math.min(requests, since('faults') + grpcFaults)]])
  }
  return rows
}
