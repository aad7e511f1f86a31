import { z } from 'zod'
import type { RouteOutcomes } from '../telemetry/traffic.ts'
import type { Envelopes } from './envelope.ts'

/** Requests of one route, or of one side of a comparison. */
export interface RequestCounts {
  readonly requests: number
  readonly denials: number
  readonly faults: number
}

const counts = z.tuple([z.number(), z.number(), z.number()])

const reportBody = z.strictObject({
  /** Number of the activation with which the rollout began. */
  sequence: z.int(),
  /** Key of the member. */
  member: z.string(),
  /** Number of the revision by which the member decides. */
  number: z.int(),
  /** Why the member does not enforce the canary for which it was chosen. */
  problem: z.string().optional(),
  /** Requests, denials and faults of each route with traffic, by its id; `''`: requests that match no route. */
  routes: z.array(z.tuple([z.string(), counts])),
})

/** Requests that a member has counted since it began to take part in a rollout. */
export type RolloutReport = Readonly<z.output<typeof reportBody>>

/** Longest text of a problem in a report, characters. */
const PROBLEM_MAX = 2000

export function sealReport(envelopes: Envelopes, report: RolloutReport): string {
  const problem = report.problem?.slice(0, PROBLEM_MAX)
  return envelopes.seal('rollout-counts', JSON.stringify({ ...report, problem }))
}

/** Opens the report of a member; `undefined` when it is not authentic, or of another rollout or member. */
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

/** Requests of each route since an earlier reading of the counters. Routes without requests are left out. */
export function countsSince(
  before: ReadonlyMap<string, RouteOutcomes>,
  now: ReadonlyMap<string, RouteOutcomes>,
): RolloutReport['routes'] {
  const rows: RolloutReport['routes'] = []
  for (const [id, outcomes] of now) {
    const was = before.get(id)
    // A counter of a removed route can start again.
    const since = (name: keyof RouteOutcomes) => Math.max(0, outcomes[name] - (was?.[name] ?? 0))
    const requests = since('requests')
    if (requests === 0) continue
    // A failure of the gate in a gRPC call has a status of HTTP and one of gRPC, and is counted once.
    const grpcFaults = Math.max(0, since('grpcFaults') - since('failures'))
    rows.push([id, [requests, since('denials'), Math.min(requests, since('faults') + grpcFaults)]])
  }
  return rows
}
