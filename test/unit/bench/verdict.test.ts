import { expect, test } from 'vitest'
import { budgets } from '../../../bench/budgets.ts'
import { single } from '../../../bench/harness/statistics.ts'
import { limits } from '../../../bench/limits/limits.ts'
import { overload } from '../../../bench/overload/overload.ts'
import { peers } from '../../../bench/peers/peers.ts'
import { passes, verdictsOf } from '../../../bench/report/verdict.ts'
import { scale } from '../../../bench/scale/scale.ts'
import { check } from '../../../bench/scenarios/check.ts'
import { grpc } from '../../../bench/scenarios/grpc.ts'
import { scenarios } from '../../../bench/scenarios/list.ts'
import { websocket } from '../../../bench/scenarios/websocket.ts'
import { sickUpstreams } from '../../../bench/sick/sick-upstreams.ts'
import { soak } from '../../../bench/soak/soak.ts'

// A benchmark run fails when a budget is missed by more than its tolerance, or when a scenario reports a failure.

const budget = { scenario: 'hot', figure: 'ratio', most: 2, tolerance: 0.1 }
const finding = (ratio: number, broken: string[] = []) => ({
  scenario: 'hot',
  conditions: {},
  figures: { ratio: single(ratio) },
  broken,
})

test.each([
  { ratio: 1.5, outcome: 'met', passed: true },
  { ratio: 2, outcome: 'met', passed: true },
  { ratio: 2.2, outcome: 'near', passed: true },
  { ratio: 2.21, outcome: 'missed', passed: false },
])(
  'for a benchmark ratio of $ratio with budget 2 and 10 % tolerance, the budget is $outcome',
  ({ ratio, outcome, passed }) => {
    const verdicts = verdictsOf([finding(ratio)], [budget])

    expect(verdicts).toMatchObject([{ ...budget, outcome }])
    expect(passes([finding(ratio)], verdicts)).toBe(passed)
  },
)

test('a benchmark budget without tolerance is missed by any excess', () => {
  const exact = { ...budget, most: 0, tolerance: 0 }

  expect(verdictsOf([finding(0)], [exact])).toMatchObject([{ outcome: 'met' }])
  expect(verdictsOf([finding(1)], [exact])).toMatchObject([{ outcome: 'missed' }])
})

test('a benchmark run fails when a scenario no longer measures a figure that has a budget', () => {
  const verdicts = verdictsOf([finding(1)], [{ ...budget, figure: 'gone' }])

  expect(verdicts).toMatchObject([{ outcome: 'absent' }])
  expect(passes([finding(1)], verdicts)).toBe(false)
})

test('a budget whose benchmark scenario did not run is neither met nor missed', () => {
  expect(verdictsOf([finding(1)], [{ ...budget, scenario: 'other' }])).toEqual([])
})

test('a failure in a scenario makes the benchmark run fail, whatever the figures are', () => {
  const broken = [finding(1, ['a body changed'])]

  expect(passes(broken, verdictsOf(broken, [budget]))).toBe(false)
})

test('every benchmark budget belongs to an existing scenario', () => {
  const others = [scale, limits, peers, websocket, grpc, check, overload, sickUpstreams, soak]
  const names = new Set([...scenarios, ...others].map(({ name }) => name))

  expect(budgets.filter(({ scenario }) => !names.has(scenario))).toEqual([])
})
