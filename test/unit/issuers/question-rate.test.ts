import { beforeEach, expect, test } from 'vitest'
import { QuestionRate } from '../../../gateway/issuers/question-rate.ts'

// The rate of introspection requests to an issuer that replies 429: additive increase, multiplicative decrease. In
// virtual time.

let nowMs: number
let rate: QuestionRate

beforeEach(() => {
  nowMs = 1000
  rate = new QuestionRate(() => nowMs)
})

/** Sends `count` introspection requests, evenly spread over `forMs` milliseconds. */
function send(count: number, forMs: number): void {
  for (let i = 0; i < count; i++) {
    rate.send()
    nowMs += forMs / count
  }
}

test('the rate of introspection requests is unlimited until the issuer replies 429', () => {
  send(10_000, 10)

  expect(rate.waitMs).toBe(0)
  expect(rate.perS).toBe(Number.POSITIVE_INFINITY)
})

test('the first 429 of an issuer lowers the rate of introspection requests to half the number that was sent in the last second', () => {
  send(40, 1000)
  rate.limited(nowMs, undefined)

  expect(rate.perS).toBe(20)
  expect(rate.waitMs).toBe(50)
  nowMs += 50
  expect(rate.waitMs).toBe(0)
  rate.send()
  expect(rate.waitMs).toBeGreaterThan(0)
})

test('a 429 does not lower the rate of introspection requests again if its request was sent less than a second after the rate was lowered', () => {
  send(40, 1000)
  const sentMs = nowMs
  nowMs += 10
  rate.limited(sentMs, undefined)
  rate.limited(sentMs, undefined)
  rate.limited(nowMs + 999, undefined)
  expect(rate.perS).toBe(20)

  rate.limited(nowMs + 1000, undefined)
  expect(rate.perS).toBe(10)
})

test('after a 429, the rate of introspection requests rises each second by a tenth of the rate before the 429, until there is no limit', () => {
  send(40, 1000)
  rate.limited(nowMs, undefined)
  nowMs += 1000
  expect(rate.perS).toBeCloseTo(24)
  nowMs += 4000
  expect(rate.perS).toBeCloseTo(40)
  nowMs += 3_600_000

  expect(rate.perS).toBe(Number.POSITIVE_INFINITY)
  expect(rate.waitMs).toBe(0)
})

test('the rate of introspection requests does not fall below one per second', () => {
  for (let i = 0; i < 20; i++) {
    send(1, 1000)
    rate.limited(nowMs, 10)
  }

  expect(rate.perS).toBe(1)
  expect(rate.waitMs).toBe(1000)
})

test('until Retry-After of the issuer has passed, introspection requests are sent one at a time and their rate does not rise', () => {
  send(40, 1000)
  rate.limited(nowMs, 7)
  expect(rate.oneAtATime).toBe(true)
  nowMs += 6999
  expect(rate.oneAtATime).toBe(true)
  expect(rate.perS).toBeCloseTo(20)
  nowMs += 1

  expect(rate.oneAtATime).toBe(false)
  nowMs += 1000
  expect(rate.perS).toBeCloseTo(24)
})

test('a shorter Retry-After of an issuer does not shorten the wait of an earlier, longer one, and the gate waits at most 5 minutes', () => {
  rate.limited(nowMs, 999_999)
  rate.limited(nowMs, 1)
  nowMs += 5 * 60_000 - 1
  expect(rate.oneAtATime).toBe(true)
  nowMs += 1

  expect(rate.oneAtATime).toBe(false)
})

test('if an issuer accepts 20 introspection requests per second, the gate sends at least 14 per second, and the issuer rejects less than a tenth as many with 429 as it accepts', () => {
  let [budget, answered, refused] = [20, 0, 0]
  for (let i = 0; i < 60_000; i++) {
    if (i % 1000 === 0) budget = 20
    nowMs++
    if (rate.waitMs > 0) continue
    rate.send()
    if (budget-- > 0) answered++
    else {
      refused++
      rate.limited(nowMs, undefined)
    }
  }

  expect(answered).toBeGreaterThan(60 * 20 * 0.7)
  expect(refused).toBeLessThan(answered / 10)
})
