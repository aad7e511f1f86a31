import { z } from 'zod'
import type { CanaryRow } from '../revisions/canary-verdict.ts'
import type { RolloutOutcome } from '../revisions/rollout-outcome.ts'
import type { EndedRollout, RunningRollout } from '../revisions/rollouts.ts'
import { ApiProblem } from './api-problem.ts'
import type { Done } from './operation.ts'
import { changeBody, policyReceipt, revisionNumber } from './policy-shape.ts'

/** Maximum number of routes in a reply about a rollout. The reply contains the routes with the largest differences. */
const ROUTES_MAX = 100

const counts = z.strictObject({
  requests: z.int(),
  denials: z.int().describe('Number of requests that the gate refused or redirected to a login.'),
  faults: z.int().describe('Number of requests that the gate or the service answered with 5xx.'),
})

const comparedRoute = z.strictObject({
  route: z
    .string()
    .nullable()
    .describe('Id of the route; `null`: requests that match no route of both revisions, as a share of all requests.'),
  canary: counts,
  others: counts,
})

export const runningRollout = z.strictObject({
  number: z.int().describe('Number of the policy revision that some nodes try.'),
  base: z.int().describe('Number of the active revision, which the other nodes enforce.'),
  sequence: z.int().describe('Number of the activation with which the rollout began.'),
  author: z.string(),
  message: z.string(),
  started: z.string().describe('Time at which the rollout started (RFC 3339).'),
  ends: z.string().describe('Time at which the comparison of the nodes ends (RFC 3339).'),
  left_s: z.number().describe('Time until the end of the comparison, s; 0 when the end has passed.'),
  max_faults_percent: z.number(),
  max_new_denials_percent: z.number(),
  nodes: z
    .array(
      z.strictObject({
        node: z.string(),
        state: z
          .enum(['starting', 'enforces', 'unable', 'gone'])
          .describe('`unable`: the node cannot enforce the revision. `gone`: the node has stopped or was restarted.'),
        problem: z.string().nullable(),
      }),
    )
    .describe('Nodes that were chosen to try the revision.'),
  routes: z
    .array(comparedRoute)
    .describe(
      'Requests by route since the start of the rollout, for at most 100 routes: the largest differences first.',
    ),
  routes_omitted: z.int().describe('Number of routes that `routes` leaves out.'),
})

export const rolloutOutcome = z.strictObject({
  outcome: z
    .enum(['promoted', 'withdrawn', 'undecided', 'aborted'])
    .describe(
      '`undecided`: withdrawn, because a compared route had less than 100 requests on a side, or the canary nodes stopped or restarted.',
    ),
  why: z.string().describe('Cause of the end of the rollout, with route and figures.'),
  number: z.int().describe('Number of the policy revision that the rollout tried.'),
  base: z.int().describe('Number of the policy revision that the other nodes enforced.'),
  sequence: z.int().describe('Number of the activation with which the rollout began.'),
  author: z.string().describe('Caller that started the rollout.'),
  by: z.string().describe('Caller or node that ended the rollout.'),
  started: z.string(),
  ended: z.string(),
})

export const endBody = z.strictObject({
  number: revisionNumber
    .optional()
    .describe(
      'Number of the policy revision that the rollout tries. If another rollout runs, the reply is 409. Default: any rollout.',
    ),
  wait_ms: changeBody.wait_ms,
})

export const endReply = z.strictObject({ rollout: rolloutOutcome, receipt: policyReceipt })

export function runningDocument(rollout: RunningRollout): z.output<typeof runningRollout> {
  const { activation, canary, revision, nodes, routes, endsMs, nowMs } = rollout
  const { number: base, sequence, author } = activation
  const sorted = routes.toSorted((a, b) => differenceOf(b) - differenceOf(a))
  return {
    number: canary.number,
    base,
    sequence,
    author,
    message: revision?.message ?? '',
    started: canary.started,
    ends: new Date(endsMs).toISOString(),
    left_s: Math.max(0, endsMs - nowMs) / 1000,
    max_faults_percent: canary.max_faults_percent,
    max_new_denials_percent: canary.max_new_denials_percent,
    nodes: nodes.map(({ node, state, problem }) => ({ node, state, problem: problem ?? null })),
    routes: sorted.slice(0, ROUTES_MAX).map(({ route, canary: tried, others }) => ({
      route,
      canary: { ...tried },
      others: { ...others },
    })),
    routes_omitted: Math.max(0, routes.length - ROUTES_MAX),
  }
}

/**
 * Returns by how much the share of refused requests, or the share of faults, is larger on the canary nodes than on the
 * other nodes: the larger of both differences. 0 if one side has no requests.
 */
function differenceOf({ canary, others }: CanaryRow): number {
  if (canary.requests === 0 || others.requests === 0) return 0
  const of = (measure: 'denials' | 'faults') => canary[measure] / canary.requests - others[measure] / others.requests
  return Math.max(of('denials'), of('faults'))
}

/**
 * Returns the reply to an admin API call that ends a rollout.
 *
 * @param wanted  number of the revision in the rollout that the caller wanted to end; `undefined`: any
 * @throws {ApiProblem} 409 when no rollout was ended
 */
export function rolloutReply(ended: EndedRollout, wanted: number | undefined): Done {
  if (ended.state === 'none') {
    const named = wanted === undefined ? 'no rollout runs' : `no rollout of revision ${wanted} runs`
    throw new ApiProblem('rollout_unknown', named)
  }
  if (ended.state === 'lost') {
    const hint = 'abort the rollout, and apply the policy again'
    throw new ApiProblem('rollout_lost', `Redis has lost revision ${ended.number}`, { hint })
  }
  const { outcome: rollout, receipt } = ended
  const { number, sequence, acknowledged, missing } = receipt
  const note = { rollout: rollout.number, number, sequence, acknowledged: acknowledged.length, missing }
  return { status: missing.length === 0 ? 200 : 202, document: { rollout, receipt }, note }
}

const exampleTimes = { started: '2030-01-31T12:00:00.000Z', ended: '2030-01-31T12:01:20.000Z' } as const

export const exampleOutcome: RolloutOutcome = {
  outcome: 'withdrawn',
  why: 'route orders.read: 12.5% of 400 requests were refused on the canary nodes, and 0.25% of 1200 on the others; max_new_denials allows 1% more',
  number: 8,
  base: 7,
  sequence: 10,
  author: 'olga',
  by: 'node node-b',
  ...exampleTimes,
}

export const exampleRunning: z.input<typeof runningRollout> = {
  number: 9,
  base: 7,
  sequence: 12,
  author: 'olga',
  message: 'open orders to partners',
  started: '2030-01-31T13:00:00.000Z',
  ends: '2030-01-31T13:10:00.000Z',
  left_s: 420,
  max_faults_percent: 0.5,
  max_new_denials_percent: 1,
  nodes: [{ node: 'node-c', state: 'enforces', problem: null }],
  routes: [
    {
      route: 'orders.read',
      canary: { requests: 410, denials: 2, faults: 0 },
      others: { requests: 1240, denials: 5, faults: 1 },
    },
  ],
  routes_omitted: 0,
}

export function exampleEnd(outcome: 'promoted' | 'aborted'): z.input<typeof endReply> {
  const number = outcome === 'promoted' ? 8 : 7
  const receipt = { acknowledged: [{ node: 'node-a', ms: 12.5 }], missing: [], waited_ms: 12.8, not_fenced: [] }
  return {
    rollout: { ...exampleOutcome, outcome, why: outcome, by: 'olga' },
    receipt: {
      id: '0e6b6a8e-4a39-4d7c-93a3-4d0f5a6d3b6a',
      number,
      sequence: 11,
      ...receipt,
      fenced_by: '2030-01-31T12:01:25.000Z',
    },
  }
}
