import { expect, test } from 'vitest'
import {
  type CanaryFacts,
  type CanaryRow,
  canaryVerdict,
  compareRoutes,
} from '../../../gateway/revisions/canary-verdict.ts'
import type { Canary } from '../../../gateway/revisions/revision.ts'

const canary: Canary = {
  number: 8,
  hash: 'a'.repeat(64),
  members: ['n1~x'],
  started: '2030-01-31T12:00:00.000Z',
  for_ms: 600_000,
  max_faults_percent: 0.5,
  max_new_denials_percent: 1,
}
const running: CanaryFacts = { isOver: false, isTried: true, problems: [] }
const over: CanaryFacts = { ...running, isOver: true }

const counts = (requests: number, denials = 0, faults = 0) => ({ requests, denials, faults })
type Counts = ReturnType<typeof counts>
/** The rows of a comparison with one route, to which all requests belong. */
const rows = (tried: Counts, others: Counts): CanaryRow[] => [
  { route: null, canary: counts(tried.requests), others: counts(others.requests) },
  { route: 'orders.read', canary: tried, others },
]

test.each([
  ['no difference before the end', rows(counts(500, 5), counts(1000, 10)), running, 'running'],
  ['no difference at the end', rows(counts(500, 5), counts(1000, 10)), over, 'promoted'],
  ['all requests refused', rows(counts(100, 100), counts(100)), running, 'withdrawn'],
  ['all requests failed', rows(counts(100, 0, 100), counts(100)), running, 'withdrawn'],
  ['all refused on both sides', rows(counts(200, 200), counts(200, 200)), over, 'promoted'],
  ['less than 100 requests on the canary nodes', rows(counts(99, 99), counts(5000)), running, 'running'],
  ['less than 100 requests on the canary nodes at the end', rows(counts(99), counts(5000)), over, 'undecided'],
  ['less than 100 requests on the others at the end', rows(counts(5000), counts(99)), over, 'undecided'],
  ['no requests at all at the end', rows(counts(0), counts(0)), over, 'undecided'],
  ['a difference that can be chance', rows(counts(100, 3), counts(100, 1)), running, 'running'],
  ['the same difference at the end', rows(counts(100, 3), counts(100, 1)), over, 'promoted'],
  ['a difference of 1000 requests before the end', rows(counts(1000, 50), counts(1000, 20)), running, 'running'],
  ['the same difference of 1000 requests at the end', rows(counts(1000, 50), counts(1000, 20)), over, 'withdrawn'],
  ['the same difference of many requests', rows(counts(10_000, 300), counts(10_000, 100)), running, 'withdrawn'],
  ['a difference of the size of the limit', rows(counts(200, 4), counts(200, 2)), over, 'promoted'],
  ['fewer refusals than before', rows(counts(200), counts(200, 200)), over, 'promoted'],
  ['faults above their limit, which is the lower one', rows(counts(10_000, 0, 80), counts(10_000)), over, 'withdrawn'],
  ['no node left that tries the revision', rows(counts(500), counts(500)), { ...running, isTried: false }, 'undecided'],
] as const)('the verdict on a policy canary with %s is: $3 (case %#)', (_, compared, facts, outcome) => {
  expect(canaryVerdict(compared, canary, facts).outcome).toBe(outcome)
})

test('a route with few requests leaves a policy canary undecided, and the verdict names the route and its figures', () => {
  const few = { route: 'orders.rare', canary: counts(3), others: counts(20) }
  expect(canaryVerdict([...rows(counts(500), counts(500)), few], canary, over)).toEqual({
    outcome: 'undecided',
    why: 'route orders.rare: 3 requests on the canary nodes and 20 on the others; a comparison needs 100 on each side',
  })
})

test('the reason for withdrawing a policy canary names the route, the shares of both groups of nodes and the limit', () => {
  expect(canaryVerdict(rows(counts(400, 50), counts(1200, 3)), canary, running).why).toBe(
    'route orders.read: 12.5% of 400 requests were refused on the canary nodes, and 0.25% of 1200 on the others; ' +
      'max_new_denials allows 1% more',
  )
})

test('a policy canary is withdrawn if one of its nodes cannot enforce the revision, because a promotion would leave the node behind', () => {
  const problems = [{ node: 'n2', problem: 'API_KEY is not set' }]
  expect(canaryVerdict(rows(counts(500), counts(500)), canary, { ...running, problems })).toEqual({
    outcome: 'withdrawn',
    why: 'a chosen node cannot enforce revision 8: node n2: API_KEY is not set',
  })
})

test('in the comparison of a policy canary, requests of a removed route count as requests without a route, so that their refusal is seen', () => {
  const report = (member: string, number: number, routes: [string, [number, number, number]][]) => ({
    sequence: 1,
    member,
    number,
    routes,
  })
  const compared = compareRoutes(
    [
      report('n1~x', 8, [
        ['a', [100, 1, 0]],
        ['', [100, 100, 0]],
      ]),
      report('n2~x', 7, [
        ['a', [100, 1, 0]],
        ['removed', [95, 0, 2]],
        ['', [5, 5, 0]],
      ]),
      report('n3~x', 7, [['a', [50, 0, 0]]]),
    ],
    canary,
    { base: new Set(['a', 'removed']), canary: new Set(['a', 'added']) },
  )
  expect(compared).toEqual([
    { route: null, canary: counts(200, 100), others: counts(250, 5, 2) },
    { route: 'a', canary: counts(100, 1), others: counts(150, 1) },
  ])
  expect(canaryVerdict(compared, canary, running).why).toContain('requests without a common route: 50% of 200')
})
