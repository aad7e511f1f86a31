// What callers without a valid token can cause is bounded, by address and in all.

import { expect, test } from 'vitest'
import { type CallOrigin, FailedCalls } from '../../../gateway/admin/failed-calls.ts'

function limited() {
  const clock = { ms: 0 }
  return { clock, calls: new FailedCalls(() => clock.ms) }
}

const from = (last: number, token?: string): CallOrigin => ({ address: Uint8Array.of(192, 0, 2, last), token })

/** How many failed calls are looked at before the address is exhausted. */
function untilExhausted(calls: FailedCalls, call: CallOrigin): number {
  let count = 0
  while (!calls.exhausted(call) && count < 1000) {
    calls.failed(call)
    count++
  }
  return count
}

test.each([undefined, 'wrong'])('an address has 60 failed calls at once and one a second: token %s', (token) => {
  const { clock, calls } = limited()
  expect(untilExhausted(calls, from(1, token))).toBe(60)
  expect(calls.exhausted(from(2, token))).toBe(false)

  clock.ms += 3000
  expect(untilExhausted(calls, from(1, token))).toBe(3)
})

test('calls without a token leave the limit of wrong tokens alone, and the other way round', () => {
  const { calls } = limited()
  untilExhausted(calls, from(1))

  expect(calls.exhausted(from(1, 'any'))).toBe(false)
  untilExhausted(calls, from(2, 'wrong'))
  expect(calls.exhausted(from(2))).toBe(false)
})

test('a token that was accepted from the address is looked at for ten minutes, another one is not', () => {
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

test('a known token that fails is known no longer', () => {
  const { calls } = limited()
  calls.succeeded(from(1, 'revoked'))
  untilExhausted(calls, from(1, 'wrong'))
  calls.failed(from(1, 'revoked'))

  expect(calls.exhausted(from(1, 'revoked'))).toBe(true)
})

test('the reply to a wrong token is delayed from the sixth on, ever longer, and prompt again after a while', () => {
  const { clock, calls } = limited()
  const delays = Array.from({ length: 60 }, () => calls.failed(from(1, 'wrong')).delayMs)

  expect(delays.slice(0, 8)).toEqual([0, 0, 0, 0, 0, 20, 40, 60])
  expect(delays.at(-1)).toBe(1000)
  expect(calls.failed(from(1)).delayMs).toBe(0)
  clock.ms += 60_000
  expect(calls.failed(from(1, 'wrong')).delayMs).toBe(0)
})

test('failed calls of all addresses together have 200 records at once and 20 a second', () => {
  const { clock, calls } = limited()
  const recorded = (count: number) =>
    Array.from({ length: count }, (_, n) => calls.failed(from(n % 250)).recorded).filter(Boolean).length

  expect(recorded(1000)).toBe(200)
  clock.ms += 2000
  expect(recorded(1000)).toBe(40)
})
