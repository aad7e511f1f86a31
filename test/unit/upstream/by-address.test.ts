import { expect, test } from 'vitest'
import { ByAddress } from '../../../gateway/upstream/by-address.ts'

// Objects of the addresses of a name. The test moves the clock.

/** Returns objects that are kept for 1000 ms, each with the number of objects made before it. */
function numbered() {
  const clock = { ms: 0 }
  const objects = new ByAddress<{ readonly number: number }>(1000, () => clock.ms)
  let made = 0
  return { clock, objects, at: (address: string) => objects.of(address, () => ({ number: made++ })).number }
}

test.each([
  ['its object again within the time for which objects are kept', 999, 0],
  ['a new object after that time', 1000, 2],
])('an address that leaves a name and returns gets %s', (_what, ms, expected) => {
  const { clock, objects, at } = numbered()
  at('10.0.0.1')
  at('10.0.0.2')
  objects.keep(['10.0.0.2'])
  expect([...objects.values()]).toEqual([{ number: 1 }])

  clock.ms = ms
  expect(at('10.0.0.1')).toBe(expected)
})

test('of 65 addresses that left a name, the first one gets a new object when it returns', () => {
  const { objects, at } = numbered()
  const addresses = Array.from({ length: 65 }, (_, i) => `10.0.0.${i}`)
  for (const address of addresses) at(address)
  objects.keep([])

  expect(addresses.slice(1).map(at)).toEqual(addresses.slice(1).map((_, i) => i + 1))
  expect(at(addresses[0]!)).toBe(65)
})

test('an address that leaves a name again is the latest of the addresses that left it', () => {
  const { objects, at } = numbered()
  const addresses = Array.from({ length: 64 }, (_, i) => `10.0.0.${i}`)
  for (const address of addresses) at(address)
  objects.keep([])
  at('10.0.0.0')
  at('10.0.1.0')
  objects.keep([])

  expect(at('10.0.0.0')).toBe(0)
  expect(at('10.0.0.1')).toBe(65)
})
