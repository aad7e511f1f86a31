import { expect, test } from 'vitest'
import { RetryBudget } from '../../../gateway/upstream/retry-budget.ts'

// docs/guide/retries.md: the retries of a service are limited to a share of its calls in the last 10 s, and 30 more.

/** Retries as often as the budget allows. @returns number of retries */
function exhaust(budget: RetryBudget, now: number, share = 0.2): number {
  let count = 0
  while (budget.allows(now, share)) {
    budget.retried(now)
    count++
    if (count > 100_000) throw new Error('the budget allows any number of retries')
  }
  return count
}

function call(budget: RetryBudget, times: number, now: number): void {
  for (let n = 0; n < times; n++) budget.called(now)
}

test('a service without calls gets 30 retries in 10 s', () => {
  expect(exhaust(new RetryBudget(), 5_000_000)).toBe(30)
})

test.each([
  { calls: 1000, share: 0.2, retries: 230 },
  { calls: 1000, share: 0, retries: 30 },
  { calls: 1000, share: 1, retries: 1030 },
])('after $calls calls, a retry budget of $share allows $retries retries', ({ calls, share, retries }) => {
  const budget = new RetryBudget()
  call(budget, calls, 123_456)

  expect(exhaust(budget, 123_456, share)).toBe(retries)
})

test('calls of the last 10 s count for the retry budget, older calls do not', () => {
  const budget = new RetryBudget()
  call(budget, 1000, 100_500)
  call(budget, 500, 105_500)

  expect(budget.allows(109_999, 0.2)).toBe(true)
  for (let n = 0; n < 200; n++) budget.retried(109_999)
  // At 110 s the first 1000 calls leave the window: 500 × 20 % + 30 are left, and 200 retries were made.
  expect(exhaust(budget, 110_000)).toBe(0)
})

test('retries no longer count against the retry budget after 10 s', () => {
  const budget = new RetryBudget()
  expect(exhaust(budget, 200_000)).toBe(30)
  expect(exhaust(budget, 209_999)).toBe(0)
  expect(exhaust(budget, 210_000)).toBe(30)
})

test('after a long pause, earlier calls and retries no longer count for the retry budget', () => {
  const budget = new RetryBudget()
  call(budget, 1000, 300_000)
  exhaust(budget, 300_000)

  expect(exhaust(budget, 9_000_000)).toBe(30)
})

test('the retries of a service never exceed the share of the calls by more than 30 in any 10 s', () => {
  const budget = new RetryBudget()
  const retries: number[] = []
  for (let second = 0; second < 60; second++) {
    call(budget, 100, second * 1000)
    retries.push(exhaust(budget, second * 1000 + 999))
  }
  for (let first = 0; first + 10 <= 60; first++) {
    const sum = retries.slice(first, first + 10).reduce((total, count) => total + count)
    expect(sum).toBeLessThanOrEqual(10 * 100 * 0.2 + 30)
  }
})
