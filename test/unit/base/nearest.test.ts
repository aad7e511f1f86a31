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
  ['r'.repeat(100_000), undefined],
])('%.20s → %s', (name, meant) => {
  expect(nearest(name, known)).toBe(meant)
})
