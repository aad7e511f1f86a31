import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Asker, QuestionQueue, rechecks } from '../../../gateway/issuers/question-queue.ts'
import { QuestionRate } from '../../../gateway/issuers/question-rate.ts'

// Tests of the order in which waiting introspection requests are sent to an issuer with limited concurrency, in virtual
// time.

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const now = () => performance.now()
const from = (address: string, known = false): Asker => ({ kind: 'first', address, known })

/** Records which introspection requests get a permit and which are refused, in order. */
class Asking {
  readonly rate = new QuestionRate(now)
  readonly queue: QuestionQueue
  readonly granted: string[] = []
  readonly refused: string[] = []
  #open: Asker[] = []

  constructor(atOnce: number) {
    this.queue = new QuestionQueue({ atOnce, rate: this.rate })
  }

  ask(name: string, asker: Asker, waitMs = 60_000): void {
    void this.queue.take(asker, waitMs).then((turn) => {
      if (turn === 'granted') this.#open.push(asker)
      ;(turn === 'granted' ? this.granted : this.refused).push(name)
    })
  }

  get under(): number {
    return this.#open.length
  }

  /** Ends the running requests one after the other, so that queued requests start, until no request is left. */
  async drain(): Promise<void> {
    await vi.advanceTimersByTimeAsync(0)
    for (;;) {
      const one = this.#open.shift()
      if (one === undefined) return
      this.queue.done(one)
      await vi.advanceTimersByTimeAsync(0)
    }
  }
}

test('the gate sends queued introspection requests for the client addresses in rotation, however many requests one address has in the queue', async () => {
  const asking = new Asking(1)
  for (let i = 0; i < 5; i++) asking.ask(`a${i}`, from('a'))
  asking.ask('b0', from('b'))
  asking.ask('c0', from('c'))
  await asking.drain()

  expect(asking.granted).toEqual(['a0', 'a1', 'b0', 'c0', 'a2', 'a3', 'a4'])
})

test('introspection requests that check a cached token again are sent before first requests for tokens from unknown addresses', async () => {
  const asking = new Asking(1)
  asking.ask('busy', rechecks)
  for (let i = 0; i < 3; i++) asking.ask(`s${i}`, from('s'))
  for (let i = 0; i < 10; i++) asking.ask(`r${i}`, rechecks)
  await asking.drain()

  expect(asking.granted.slice(1, 11).every((name) => name.startsWith('r'))).toBe(true)
  expect(asking.granted.slice(11)).toEqual(['s0', 's1', 's2'])
})

test('while re-checks of cached tokens and first requests for tokens from known and unknown addresses wait, three of four introspections are re-checks, and three of four first requests are for known addresses', async () => {
  const asking = new Asking(1)
  asking.ask('busy', rechecks)
  for (let i = 0; i < 6; i++) asking.ask('r', rechecks)
  for (let i = 0; i < 8; i++) asking.ask('k', from('k', true))
  for (let i = 0; i < 4; i++) asking.ask('s', from(`s${i}`))
  await asking.drain()

  expect(asking.granted.slice(1).join('')).toBe('rrrkrrrkkskkkskkss')
})

test('with a limit of 8 concurrent introspections, requests for tokens from unknown addresses use at most 6 of them; requests for known addresses and re-checks of cached tokens can use the remaining places', async () => {
  const asking = new Asking(8)
  for (let i = 0; i < 100; i++) asking.ask(`s${i}`, from(`s${i}`))
  await vi.advanceTimersByTimeAsync(0)
  expect(asking.under).toBe(6)
  asking.ask('k', from('k', true))
  asking.ask('r', rechecks)
  await vi.advanceTimersByTimeAsync(0)

  expect(asking.granted.slice(6)).toEqual(['k', 'r'])
})

test('with a limit of one concurrent introspection request, a request for an unknown address is still sent', async () => {
  const asking = new Asking(1)
  asking.ask('s', from('s'))
  await asking.drain()

  expect(asking.granted).toEqual(['s'])
})

test('a flood of introspection requests from one address does not remove the requests of other addresses from the queue', async () => {
  const asking = new Asking(1)
  asking.ask('busy', rechecks)
  for (let i = 0; i < 5000; i++) asking.ask('flood', from('a'))
  for (let i = 0; i < 50; i++) asking.ask(`b${i}`, from(`b${i}`))
  await vi.advanceTimersByTimeAsync(0)
  expect(asking.refused.length).toBe(5000 - 256)
  await asking.drain()

  expect(asking.refused.filter((name) => name !== 'flood')).toEqual([])
  expect(asking.granted.filter((name) => name.startsWith('b')).length).toBe(51)
})

test('a full introspection queue drops the newest request of an address that has the most requests', async () => {
  const asking = new Asking(1)
  asking.ask('busy', rechecks)
  for (const address of ['a', 'b', 'c', 'd']) for (let i = 0; i < 256; i++) asking.ask(`${address}${i}`, from(address))
  asking.ask('e', from('e'))
  await vi.advanceTimersByTimeAsync(0)
  expect(asking.refused).toEqual(['a255'])
  await asking.drain()

  expect(asking.granted).toContain('e')
})

test('an introspection request that waits in the queue for too long is refused, and its place in the queue is free again', async () => {
  const asking = new Asking(1)
  asking.ask('first', from('a'))
  asking.ask('late', from('b'), 2000)
  asking.ask('patient', from('c'), 5000)
  await vi.advanceTimersByTimeAsync(2000)
  expect(asking.refused).toEqual(['late'])
  await asking.drain()

  expect(asking.granted).toEqual(['first', 'patient'])
})

test('after a 429 of the issuer, the gate sends introspection requests one at a time until Retry-After has passed, then concurrently at a lower rate than before', async () => {
  const asking = new Asking(4)
  for (let i = 0; i < 20; i++) asking.rate.send()
  asking.rate.limited(now(), 3)
  for (let i = 0; i < 6; i++) asking.ask(`q${i}`, rechecks)
  await vi.advanceTimersByTimeAsync(1000)
  // The rate allows 10 requests per second, but the first request has not ended.
  expect(asking.granted).toEqual(['q0'])
  await asking.drain()
  await vi.advanceTimersByTimeAsync(2000)
  expect(asking.under).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  for (let i = 0; i < 6; i++) asking.ask(`later${i}`, rechecks)
  await vi.advanceTimersByTimeAsync(1000)

  expect(asking.under).toBe(4)
})
