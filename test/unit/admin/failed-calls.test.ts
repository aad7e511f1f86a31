// Failed calls of the admin API are limited per address, and their log records are limited for all addresses together.

import { expect, test } from 'vitest'
import { type CallOrigin, FailedCalls } from '../../../gateway/admin/failed-calls.ts'

function limited() {
  const clock = { ms: 0 }
  return { clock, calls: new FailedCalls(() => clock.ms) }
}

const from = (last: number, token?: string): CallOrigin => ({ address: Uint8Array.of(192, 0, 2, last), token })

/**
 * Reports failed calls until the limit of failed calls of their address is exhausted. @returns number of reported
 * calls, at most 1000
 */
function untilExhausted(calls: FailedCalls, call: CallOrigin): number {
  let count = 0
  while (!calls.exhausted(call) && count < 1000) {
    calls.failed(call)
    count++
  }
  return count
}

test.each([undefined, 'wrong'])(
  'the admin API allows an address 60 failed calls in a burst, then one per second (token of the calls: %s)',
  (token) => {
    const { clock, calls } = limited()
    expect(untilExhausted(calls, from(1, token))).toBe(60)
    expect(calls.exhausted(from(2, token))).toBe(false)

    clock.ms += 3000
    expect(untilExhausted(calls, from(1, token))).toBe(3)
  },
)

test('the admin API has separate limits for the failed calls of an address without a token and with a wrong token', () => {
  const { calls } = limited()
  untilExhausted(calls, from(1))

  expect(calls.exhausted(from(1, 'any'))).toBe(false)
  untilExhausted(calls, from(2, 'wrong'))
  expect(calls.exhausted(from(2))).toBe(false)
})

test('after an address exceeds the limit of failed admin calls, the only token that still works from this address is the token that was accepted from it in the last ten minutes', () => {
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

test('an accepted admin token that fails later loses its exemption from the limit of failed calls', () => {
  const { calls } = limited()
  calls.succeeded(from(1, 'revoked'))
  untilExhausted(calls, from(1, 'wrong'))
  calls.failed(from(1, 'revoked'))

  expect(calls.exhausted(from(1, 'revoked'))).toBe(true)
})

test('the admin API delays its replies to wrong tokens by at most 1 s from the sixth failed call of an address, and no longer delays them a minute after the last failed call', () => {
  const { clock, calls } = limited()
  const delays = Array.from({ length: 60 }, () => calls.failed(from(1, 'wrong')).delayMs)

  expect(delays.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 20, 40, 60])
  expect(delays.at(-1)).toBe(1000)
  expect(calls.failed(from(1)).delayMs).toBe(0)
  clock.ms += 60_000
  expect(calls.failed(from(1, 'wrong')).delayMs).toBe(0)
})

test('failed admin calls of all addresses together get at most 200 log records in a burst, then at most 20 per second', () => {
  const { clock, calls } = limited()
  const recorded = (count: number) =>
    Array.from({ length: count }, (_, n) => calls.failed(from(n % 250)).recorded).filter(Boolean).length

  expect(recorded(1000)).toBe(200)
  clock.ms += 2000
  expect(recorded(1000)).toBe(40)
})
