// Bounded memory of recent texts: used proofs on a node without Redis, and keys with invalid signatures.

import { expect, test } from 'vitest'
import { RecentSet } from '../../../gateway/proofs/recent-set.ts'

test('a text stays for its whole life, wherever in a generation it was added, and ends after twice its life', () => {
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

test('a set without use for a long time forgets all texts at once', () => {
  let now = 0
  const set = new RecentSet(100, 10, () => now)
  set.add('a')
  now = 1000

  expect(set.has('a')).toBe(false)
})

test('a full set accepts no text, and keeps the texts that it has', () => {
  let now = 0
  const set = new RecentSet(100, 2, () => now)
  expect([set.add('a'), set.add('b'), set.add('c')]).toEqual([true, true, false])
  expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, false])

  now = 100
  expect(set.add('c')).toBe(true)
  expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, true])
})
