import { expect, test } from 'vitest'
import { foldMapped, parseAddress } from '../../../gateway/base/addresses.ts'
import { AddressLimit } from '../../../gateway/limits/address-limit.ts'

// Limit of failures that a client address can cause without valid credentials (S-114, S-134). One bucket covers one
// IPv4 address or one IPv6 /64 network.

const address = (text: string) => foldMapped(parseAddress(text)!)

test('the address limit is exhausted for an address when its burst of tokens is used up, and not for other addresses', () => {
  const limit = new AddressLimit({ perSecond: 0.1, burst: 3 })
  const outcomes = Array.from({ length: 4 }, () => {
    limit.charge(address('192.0.2.1'))
    return limit.exhausted(address('192.0.2.1'))
  })

  expect(outcomes).toEqual([false, false, true, true])
  expect(limit.exhausted(address('192.0.2.2'))).toBe(false)
  expect(limit.retryAfterS).toBe(10)
})

test('a refund to the address limit adds one token for the refunded address only, and never more tokens than the burst', () => {
  const limit = new AddressLimit({ perSecond: 0.1, burst: 2 })
  const [one, other] = [address('192.0.2.1'), address('192.0.2.2')]
  limit.refund(one)
  limit.charge(one)
  limit.charge(one)
  expect(limit.exhausted(one)).toBe(true)
  limit.refund(other)
  expect(limit.exhausted(one)).toBe(true)
  limit.refund(one)
  expect(limit.exhausted(one)).toBe(false)

  for (let i = 0; i < 5; i++) limit.refund(one)
  limit.charge(one)
  limit.charge(one)
  expect(limit.exhausted(one)).toBe(true)
})

test('an exhausted address gets new tokens in the address limit at the configured rate', () => {
  let nowMs = 0
  const limit = new AddressLimit({ perSecond: 0.5, burst: 1, now: () => nowMs })
  limit.charge(address('192.0.2.1'))
  nowMs = 1990
  expect(limit.exhausted(address('192.0.2.1'))).toBe(true)
  nowMs = 2020

  expect(limit.exhausted(address('192.0.2.1'))).toBe(false)
})

test.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['192.0.2.1', '192.0.2.11', false],
])('whether the address limit counts the addresses %s and %s together: %s', (charged, asked, shared) => {
  const limit = new AddressLimit({ perSecond: 1, burst: 1 })
  limit.charge(address(charged))

  expect(limit.exhausted(address(asked))).toBe(shared)
})

test('with 50 tokens/s and 5 introspections/s, a failed introspection costs an address 10 tokens, so that an address can cause 5 failed introspections per second after its burst', () => {
  let nowMs = 0
  const limit = new AddressLimit({ perSecond: 50, burst: 500, introspectionsPerSecond: 5, now: () => nowMs })
  const fail = () => {
    if (limit.exhausted(address('192.0.2.1'))) return false
    limit.charge(address('192.0.2.1'), 'introspection')
    return true
  }
  expect(Array.from({ length: 200 }, fail).filter(Boolean).length).toBe(50)

  let failed = 0
  for (let i = 0; i < 60_000; i += 10) {
    nowMs += 10
    if (fail()) failed++
  }
  expect(failed / 60).toBeCloseTo(5, 0)
  expect(limit.exhausted(address('192.0.2.2'))).toBe(false)
})

test('after charges to 200,000 addresses, the address limit has forgotten the first address and still counts the last one', () => {
  const limit = new AddressLimit({ perSecond: 0.1, burst: 1 })
  for (let i = 0; i < 200_000; i++) limit.charge(Uint8Array.of(10, i >> 16, (i >> 8) & 255, i & 255))

  expect(limit.exhausted(Uint8Array.of(10, 0, 0, 0))).toBe(false)
  expect(limit.exhausted(Uint8Array.of(10, 199_999 >> 16, (199_999 >> 8) & 255, 199_999 & 255))).toBe(true)
})
