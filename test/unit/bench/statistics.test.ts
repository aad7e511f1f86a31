import { expect, test } from 'vitest'
import { formatSpread, quantile, ratios, single, spread } from '../../../bench/harness/statistics.ts'

// Every benchmark figure is a median with its minimum and maximum. A ratio is calculated for each round.

test.each([
  { values: [3], median: 3, min: 3, max: 3 },
  { values: [9, 1, 5], median: 5, min: 1, max: 9 },
  { values: [10, 2, 4, 1], median: 3, min: 1, max: 10 },
])('the spread of the measured values $values is $median ($min–$max)', ({ values, ...expected }) => {
  expect(spread(values)).toEqual(expected)
})

test.each([
  { share: 0.5, found: 50 },
  { share: 0.99, found: 99 },
  { share: 0.991, found: 100 },
  { share: 0, found: 1 },
  { share: 1, found: 100 },
])('the quantile $share of the numbers 1 to 100 is $found', ({ share, found }) => {
  const sorted = Float64Array.from({ length: 100 }, (_, i) => i + 1)

  expect(quantile(sorted, share)).toBe(found)
})

test('a benchmark ratio compares values of the same round', () => {
  expect(ratios([10, 40], [5, 10])).toEqual([2, 4])
})

test.each([
  { found: single(7), text: '7' },
  { found: spread([0.04567, 0.05]), text: '0.048 (0.046–0.050)' },
  { found: spread([1.234, 12.34, 1234.5]), text: '12.3 (1.23–1235)' },
])('the benchmark report formats a spread as $text', ({ found, text }) => {
  expect(formatSpread(found)).toBe(text)
})
