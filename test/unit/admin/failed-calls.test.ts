// Failed admin calls are limited per address, and their records are limited for all addresses together.

import { expect, test } from 'vitest'
import { type CallOrigin, FailedCalls } from '../../../gateway/admin/failed-calls.ts'

function limited() {
  const clock = { ms: 0 }
  return { clock, calls: new FailedCalls(() => clock.ms) }
}

const from = (last: number, token?: string): CallOrigin => ({ address: Uint8Array.of(192, 0, 2, last), token })

/** Number of failed calls that are processed before the address is exhausted. */
function untilExhausted(calls: FailedCalls, call: CallOrigin): number {
  let count = 0
  while (!calls.exhausted(call) && count < 1000) {
    calls.failed(call)
    count++
  }
  return count
}

test.each([undefined, 'wrong'])('an address may fail 60 calls at once, then one per second, with token %s', (token) => {
  const { clock, calls } = limited()
  expect(untilExhausted(calls, from(1, token))).toBe(60)
  expect(calls.exhausted(from(2, token))).toBe(false)

  clock.ms += 3000
  expect(untilExhausted(calls, from(1, token))).toBe(3)
})

test('calls without a token and calls with a wrong token are limited separately', () => {
  const { calls } = limited()
  untilExhausted(calls, from(1))

  expect(calls.exhausted(from(1, 'any'))).toBe(false)
  untilExhausted(calls, from(2, 'wrong'))
  expect(calls.exhausted(from(2))).toBe(false)
})

test('an address with too many failures may still use the token that was accepted from it in the last ten minutes, but no other token', () => {
  const { clock, calls } = limited()
  calls.succeeded(from(1, 'right'))
  untilExhausted(calls, from(1, 'wrong'))
  untilExhausted(calls, from(2, 'wrong'))

  expect(calls.exhausted(from(1, 'right'))).toBe(false)
  expect(calls.exhausted(from(1, 'guess'))).toBe(true)
  expect(calls.exhausted(from(2, 'right'))).toBe(true)
  for (let second = 0; second < 600; second++) {
    clock.ms += 1000
    untilExhausted(calls, from(1, 'wrong'))
  }
  expect(calls.exhausted(from(1, 'right'))).toBe(true)
})

test('an accepted token that then fails loses its exemption from the limit', () => {
  const { calls } = limited()
  calls.succeeded(from(1, 'revoked'))
  untilExhausted(calls, from(1, 'wrong'))
  calls.failed(from(1, 'revoked'))

  expect(calls.exhausted(from(1, 'revoked'))).toBe(true)
})

test('replies to wrong tokens are delayed from the sixth failure, up to 1 s, and no longer delayed a minute later', () => {
  const { clock, calls } = limited()
  const delays = Array.from({ length: 60 }, () => calls.failed(from(1, 'wrong')).delayMs)

  expect(delays.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 20, 40, 60])
  expect(delays.at(-1)).toBe(1000)
  expect(calls.failed(from(1)).delayMs).toBe(0)
  clock.ms += 60_000
  expect(calls.failed(from(1, 'wrong')).delayMs).toBe(0)
})

test('failed calls of all addresses together get 200 records at once, then 20 per second', () => {
  const { clock, calls } = limited()
  const recorded = (count: number) =>
    Array.from({ length: count }, (_, n) => calls.failed(from(n % 250)).recorded).filter(Boolean).length

  expect(recorded(1000)).toBe(200)
  clock.ms += 2000
  expect(recorded(1000)).toBe(40)
})
