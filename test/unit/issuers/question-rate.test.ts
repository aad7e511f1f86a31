import { beforeEach, expect, test } from 'vitest'
import { QuestionRate } from '../../../gateway/issuers/question-rate.ts'

// Additive increase, multiplicative decrease of the questions to an issuer that says 429. In virtual time.

let nowMs: number
let rate: QuestionRate

beforeEach(() => {
  nowMs = 1000
  rate = new QuestionRate(() => nowMs)
})

/** Sends a number of questions, evenly spread over that time. */
function send(count: number, forMs: number): void {
  for (let i = 0; i < count; i++) {
    rate.send()
    nowMs += forMs / count
  }
}

test('questions are unlimited until the issuer replies 429', () => {
  send(10_000, 10)

  expect(rate.waitMs).toBe(0)
  expect(rate.perS).toBe(Number.POSITIVE_INFINITY)
})

test('the first 429 halves the rate of the last second', () => {
  send(40, 1000)
  rate.limited(nowMs, undefined)

  expect(rate.perS).toBe(20)
  expect(rate.waitMs).toBe(50)
  nowMs += 50
  expect(rate.waitMs).toBe(0)
  rate.send()
  expect(rate.waitMs).toBeGreaterThan(0)
})

test('a 429 to a question from the second after the last decrease changes nothing', () => {
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

test('the rate rises by a tenth of the rate before the decrease each second, and ends', () => {
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

test('the rate does not fall below one question a second', () => {
  for (let i = 0; i < 20; i++) {
    send(1, 1000)
    rate.limited(nowMs, 10)
  }

  expect(rate.perS).toBe(1)
  expect(rate.waitMs).toBe(1000)
})

test('until Retry-After has passed, questions are asked one at a time and the rate does not rise', () => {
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

test('a shorter Retry-After does not end a longer one, and none lasts longer than 5 minutes', () => {
  rate.limited(nowMs, 999_999)
  rate.limited(nowMs, 1)
  nowMs += 5 * 60_000 - 1
  expect(rate.oneAtATime).toBe(true)
  nowMs += 1

  expect(rate.oneAtATime).toBe(false)
})

test('an issuer that accepts 20 questions per second gets about 20 per second in the long run', () => {
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
