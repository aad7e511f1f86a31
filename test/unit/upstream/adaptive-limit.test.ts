import { expect, test } from 'vitest'
import { AdaptiveLimit, type WaitingCall } from '../../../gateway/upstream/adaptive-limit.ts'
import {
  type CallKind,
  ConcurrencyLimiter,
  callKind,
  type Seated,
} from '../../../gateway/upstream/concurrency-limiter.ts'

// docs/guide/upstreams.md: `concurrency: adaptive` limits the calls that wait for their reply. The clock is moved.

const TICK_MS = 10

/**
 * A service that processes `parallel` calls at the same time, each in `latencyMs`, and a gate that sends it a number of
 * calls at once. Further calls wait in the service.
 */
class Model {
  readonly limit: AdaptiveLimit
  parallel: number
  readonly #latencyMs: number
  #nowMs = 1000
  #refused = 0
  #calls: { readonly waiting: WaitingCall; leftMs: number }[] = []

  constructor(parallel: number, latencyMs: number, max = 4096) {
    this.parallel = parallel
    this.#latencyMs = latencyMs
    this.limit = new AdaptiveLimit(max, () => this.#nowMs)
  }

  get waiting(): number {
    return this.#calls.length
  }

  /** Keeps `offered` calls waiting for `ms`, as far as they are admitted. @returns number of refused calls */
  run(offered: number, ms: number): number {
    this.#refused = 0
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs; this.#nowMs += TICK_MS) {
      for (let n = this.#calls.length; n < offered; n++) this.#send()
      for (const call of this.#calls.slice(0, this.parallel)) call.leftMs -= TICK_MS
      for (const { waiting, leftMs } of this.#calls) if (leftMs <= 0) this.limit.end(waiting, true)
      this.#calls = this.#calls.filter(({ leftMs }) => leftMs > 0)
    }
    return this.#refused
  }

  #send(): void {
    if (this.limit.refusal(undefined) !== undefined) {
      this.#refused++
      return
    }
    const waiting = this.limit.begin(undefined)
    this.limit.sent(waiting)
    this.#calls.push({ waiting, leftMs: this.#latencyMs })
  }
}

test('the adaptive limit of an upstream grows while its latency stays the same and the limit is used, and never above max_calls', () => {
  const model = new Model(10_000, 20, 300)
  model.run(20, 5000)
  expect(model.limit.limit).toBe(64)

  model.run(250, 5000)
  expect(model.run(250, 1000)).toBe(0)
  expect(model.limit.limit).toBe(300)
})

test('a service whose latency grows with its load gets about twice the calls that it can process at once, not all of them', () => {
  const model = new Model(50, 50)
  model.run(50, 3000)
  model.run(2000, 10_000)

  expect(model.waiting).toBeGreaterThanOrEqual(50)
  expect(model.waiting).toBeLessThan(200)
})

test('the adaptive limit of a service that becomes much slower falls to about 16 calls, and grows again when it recovers', () => {
  const model = new Model(200, 50)
  model.run(200, 5000)
  model.parallel = 1
  model.run(200, 60_000)
  expect(model.limit.limit).toBeLessThan(40)
  expect(model.limit.limit).toBeGreaterThanOrEqual(16)

  model.parallel = 200
  model.run(150, 10_000)
  expect(model.limit.limit).toBeGreaterThanOrEqual(150)
})

const address = (last: number) => Uint8Array.of(10, 0, 0, last)
const seat = (kind: CallKind, last = 1): Seated => ({ client: address(last), share: undefined, kind })
const limiterOf = (max: number) => new ConcurrencyLimiter('http://a.test', max, new AdaptiveLimit(max, () => 0))

test('one client gets at most three quarters of the adaptive limit of an upstream', () => {
  const limiter = limiterOf(1000)
  const taken = (last: number) => {
    let count = 0
    while (limiter.take(seat('plain', last)) === undefined) count++
    return count
  }

  expect([taken(1), limiter.limit]).toEqual([48, 64])
  expect(taken(2)).toBeGreaterThan(0)
})

test('a call with a body counts against the adaptive limit once the body is sent, and no call counts after the head of its reply', () => {
  const limiter = limiterOf(64)
  const uploads = Array.from({ length: 64 }, (_, n) => seat('upload', n))
  for (const call of uploads.slice(0, 63)) expect(limiter.take(call)).toBeUndefined()
  for (const call of uploads.slice(0, 63)) limiter.leave(call)

  const calls = Array.from({ length: 60 }, (_, n) => seat('upload', n))
  for (const call of calls) {
    expect(limiter.take(call)).toBeUndefined()
    limiter.sent(call)
  }
  for (let n = 60; n < 64; n++) {
    const call = seat('plain', n)
    expect(limiter.take(call)).toBeUndefined()
  }
  expect(limiter.take(seat('plain', 99))?.reason).toBe('upstream-full')
})

test('calls whose reply has begun, and streams, do not count against the adaptive limit of an upstream', () => {
  const limiter = limiterOf(1000)
  for (let n = 0; n < 200; n++) {
    const call = seat('plain', n)
    expect(limiter.take(call)).toBeUndefined()
    limiter.sent(call)
    limiter.answered(call)
    expect(limiter.take(seat('stream', n))).toBeUndefined()
  }
  expect(limiter.taken).toBe(400)
})

test('a call that ends without a reply no longer counts against the adaptive limit', () => {
  const limiter = limiterOf(16)
  for (let n = 0; n < 100; n++) {
    const call = seat('plain', n)
    expect(limiter.take(call)).toBeUndefined()
    limiter.sent(call)
    limiter.leave(call)
  }
  expect(limiter.taken).toBe(0)
})

test.each([
  [false, 30_000, 'plain'],
  [true, 30_000, 'upload'],
  [true, Number.POSITIVE_INFINITY, 'stream'],
] as const)(
  'for the adaptive limit, a call (has a body: %s, time limit of the reply head: %s ms) is of the kind %s',
  (hasBody, ms, kind) => {
    expect(callKind(hasBody, ms)).toBe(kind)
  },
)
