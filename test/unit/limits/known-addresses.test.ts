import { expect, test } from 'vitest'
import { foldMapped, parseAddress } from '../../../gateway/base/addresses.ts'
import { KnownAddresses } from '../../../gateway/limits/known-addresses.ts'

const address = (text: string) => foldMapped(parseAddress(text)!)
const startMs = 1_800_000_000_000
const minuteMs = 60_000

test('the table of known addresses contains an address for 10 minutes after the address was last added', () => {
  const known = new KnownAddresses(startMs)
  expect(known.has(address('192.0.2.1'), startMs)).toBe(false)
  known.add(address('192.0.2.1'), startMs)

  expect(known.has(address('192.0.2.1'), startMs + 10 * minuteMs - 1000)).toBe(true)
  known.add(address('192.0.2.1'), startMs + 9 * minuteMs)
  expect(known.has(address('192.0.2.1'), startMs + 18 * minuteMs)).toBe(true)
  expect(known.has(address('192.0.2.1'), startMs + 19 * minuteMs)).toBe(false)
})

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.11', false],
  ['192.0.2.1', 'c000:201::', false],
  ['c000:201::', '192.0.2.1', false],
])(
  'adding the address %s to the table of known addresses also makes the address %s known: %s',
  (added, asked, expected) => {
    const known = new KnownAddresses(startMs)
    known.add(address(added), startMs)

    expect(known.has(address(asked), startMs)).toBe(expected)
  },
)

test('when all slots of the table of known addresses for an address are full, a new address replaces the oldest of them', () => {
  const known = new KnownAddresses(startMs, 4)
  const all = Array.from({ length: 6 }, (_, i) => address(`10.0.0.${i}`))
  for (const [i, one] of all.entries()) known.add(one, startMs + i * 1000)

  expect(all.map((one) => known.has(one, startMs + 6000))).toEqual([false, false, true, true, true, true])
})

test('of 10,000 addresses added to a table of known addresses of the default size, fewer than 100 are evicted', () => {
  const known = new KnownAddresses(startMs)
  const all = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255))
  for (const one of all) known.add(one, startMs)

  // A set of four slots can be full by chance, so a few of the addresses are evicted.
  expect(all.filter((one) => known.has(one, startMs)).length).toBeGreaterThan(9900)
})

test('after the clock was set back by one hour, the table of known addresses no longer contains an address that was added before', () => {
  const known = new KnownAddresses(startMs)
  known.add(address('192.0.2.1'), startMs + 120 * minuteMs)

  expect(known.has(address('192.0.2.1'), startMs + 60 * minuteMs)).toBe(false)
  known.add(address('192.0.2.1'), startMs + 60 * minuteMs)
  expect(known.has(address('192.0.2.1'), startMs + 61 * minuteMs)).toBe(true)
})
