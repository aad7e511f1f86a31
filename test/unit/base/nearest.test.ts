// A hint names what was most likely meant, or nothing.

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
])('the known name nearest to "%s" is %s', (name, meant) => {
  expect(nearest(name, known)).toBe(meant)
})

test('a name of 100,000 characters has no nearest name', () => {
  expect(nearest('r'.repeat(100_000), known)).toBeUndefined()
})
