// Bounded memory of recent texts: used proofs on a node without Redis, and keys with invalid signatures.

import { expect, test } from 'vitest'
import { RecentSet } from '../../../gateway/proofs/recent-set.ts'

test('a RecentSet contains a text for at least its lifetime and at most twice as long', () => {
  let now = 0
  for (const addedAt of [0, 50, 99]) {
    now = 0
    const set = new RecentSet(100, 10, () => now)
    now = addedAt
    set.add('a')

    for (const at of [addedAt, addedAt + 50, addedAt + 99]) {
      now = at
      expect([at, set.has('a')]).toEqual([at, true])
    }
    now = addedAt + 200
    expect(set.has('a')).toBe(false)
  }
})

test('a RecentSet forgets all texts at once if it was not used for a long time', () => {
  let now = 0
  const set = new RecentSet(100, 10, () => now)
  set.add('a')
  now = 1000

  expect(set.has('a')).toBe(false)
})

test('a full RecentSet accepts no further text, and still contains its earlier texts', () => {
  let now = 0
  const set = new RecentSet(100, 2, () => now)
  expect([set.add('a'), set.add('b'), set.add('c')]).toEqual([true, true, false])
  expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, false])

  now = 100
  expect(set.add('c')).toBe(true)
  expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, true])
})
