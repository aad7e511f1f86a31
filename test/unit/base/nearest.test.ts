// A hint for an unknown name is the most similar known name, or nothing.

import { expect, test } from 'vitest'
import { nearest } from '../../../gateway/base/nearest.ts'

const known = ['require', 'routes', 'roles', 'host', 'match', 'methods', 'clock_tolerance', 'id']

test.each([
  ['requires', 'require'],
  ['requrie', 'require'],
  ['Host', 'host'],
  ['hots', 'host'],
  ['role', 'roles'],
  ['clock_tolerence', 'clock_tolerance'],
  ['ids', 'id'],
  ['zzz', undefined],
  ['upstream', undefined],
  ['', undefined],
])('the known name most similar to "%s" is %s (undefined: none is similar)', (name, meant) => {
  expect(nearest(name, known)).toBe(meant)
})

test('an unknown name of 100,000 characters gets no similar known name as a suggestion', () => {
  expect(nearest('r'.repeat(100_000), known)).toBeUndefined()
})
