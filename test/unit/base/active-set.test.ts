import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ActiveSet } from '../../../gateway/base/active-set.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void

class Member {
  readonly name: string
  readonly weight = new Array<string>(125).fill('eight bytes each')
  place = -1

  constructor(name: string) {
    this.name = name
  }
}

function rosterOf(count: number): { roster: ActiveSet<Member>; members: Member[] } {
  const roster = new ActiveSet<Member>()
  const members = Array.from({ length: count }, (_, i) => new Member(String(i)))
  for (const one of members) roster.add(one)
  return { roster, members }
}

test('removing members from an ActiveSet in any order, also twice, leaves the other members in the set', () => {
  const { roster, members } = rosterOf(7)
  const sizes = [6, 0, 3, 3, 0, 5, 1].map((i) => {
    roster.delete(members[i]!)
    return roster.size
  })

  expect(sizes).toEqual([6, 5, 4, 4, 4, 3, 2])
  for (const i of [2, 4]) roster.delete(members[i]!)
  expect(roster.size).toBe(0)
})

test('removing a member that was never added to an ActiveSet does nothing, and a removed member can be added again', () => {
  const { roster, members } = rosterOf(2)
  roster.delete(new Member('never was'))
  roster.delete(members[0]!)
  roster.add(members[0]!)

  expect(roster.size).toBe(2)
  const names: string[] = []
  roster.visit(({ name }) => names.push(name))
  expect(names.sort()).toEqual(['0', '1'])
})

test.each([
  ['no member', []],
  ['the visited member', [5]],
  ['a member that was already visited', [8]],
  ['several members', [5, 1, 9, 0, 3]],
  ['all members', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
])(
  'each visit of an ActiveSet visits every member once, except members that were removed, when the visitor removes members: %s',
  (_, leaving) => {
    const { roster, members } = rosterOf(10)
    const seen = new Set<string>()
    roster.visit(({ name }) => {
      seen.add(name)
      if (name === '5') for (const i of leaving) roster.delete(members[i]!)
    })

    const gone = leaving.filter((i) => i < 5).map(String)
    expect([...seen].sort()).toEqual(members.map(({ name }) => name).filter((name) => !gone.includes(name)))
  },
)

/** Bytes in the old space of the heap: objects that survived two minor collections. */
function grownOld(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space')!.space_used_size
}

test('a member that was removed from an ActiveSet is freed by the next minor garbage collection', () => {
  const { roster } = rosterOf(1)
  const open: Member[] = []
  // Moves the set itself to the old space before the measurement.
  for (let i = 0; i < 3; i++) collect({ type: 'minor' })
  const before = grownOld()
  for (let i = 0; i < 20_000; i++) {
    const one = new Member(String(i))
    roster.add(one)
    open.push(one)
    if (open.length > 64) roster.delete(open.shift()!)
    if (i % 1000 === 999) collect({ type: 'minor' })
  }

  // 20 MB are allocated in all. Only members that are in the set during a collection reach the old space: 20 times 64
  // kB.
  expect(grownOld() - before).toBeLessThan(4_000_000)
})
