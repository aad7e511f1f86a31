import { expect, test } from 'vitest'
import { NamedCounts } from '../../../gateway/telemetry/named-counts.ts'

test('a name keeps its counts', () => {
  const counts = new NamedCounts(() => ({ calls: 0 }))
  counts.of('a').calls++
  counts.of('a').calls++

  expect([...counts.entries()]).toEqual([['a', { calls: 2 }]])
})

test('beyond the maximum, the name that was counted first is forgotten', () => {
  const counts = new NamedCounts((name) => ({ name }), 2)
  for (const name of ['a', 'b', 'a', 'c']) counts.of(name)

  expect([...counts.values()].map(({ name }) => name)).toEqual(['b', 'c'])
})
