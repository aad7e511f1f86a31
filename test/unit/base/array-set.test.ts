import { expect, test } from 'vitest'
import { ArraySet } from '../../../gateway/base/array-set.ts'

test('an ArraySet returns all members that were not removed, and a loop over the set can remove members', () => {
  const set = new ArraySet<string>()
  for (const member of ['a', 'b', 'c', 'd']) set.add(member)
  set.delete('b')
  set.delete('b')
  const seen: string[] = []
  for (const member of set.members()) {
    seen.push(member)
    set.delete(member)
  }

  expect(seen.sort()).toEqual(['a', 'c', 'd'])
  expect(set.members()).toEqual([])
})
