import { expect, test } from 'vitest'
import { NamedCounts } from '../../../gateway/telemetry/named-counts.ts'

test('NamedCounts returns the same counters for the same name', () => {
  const counts = new NamedCounts(() => ({ calls: 0 }))
  counts.of('a').calls++
  counts.of('a').calls++

  expect([...counts.entries()]).toEqual([['a', { calls: 2 }]])
})

test('NamedCounts drops the name that was counted first when the maximum of names is exceeded', () => {
  const counts = new NamedCounts((name) => ({ name }), 2)
  for (const name of ['a', 'b', 'a', 'c']) counts.of(name)

  expect([...counts.values()].map(({ name }) => name)).toEqual(['b', 'c'])
})
