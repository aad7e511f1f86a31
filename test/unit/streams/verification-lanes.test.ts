import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { VerificationLanes } from '../../../gateway/streams/verification-lanes.ts'
import { until } from '../../kit/until.ts'

// After a changed policy, the tokens of all streams are verified again. The verifications of requests must not wait
// behind them.

/** Decisions that wait until the test ends them. */
class Decisions {
  readonly lanes = new VerificationLanes()
  readonly waiting: (() => void)[] = []
  started = 0
  resolved = 0

  add(issuer: string, count: number): void {
    for (let i = 0; i < count; i++) {
      const wait = (): Promise<void> => {
        this.started++
        return new Promise((resolve) => this.waiting.push(resolve))
      }
      void this.lanes.run(issuer, wait)!.then(() => this.resolved++)
    }
  }
}

test('for one issuer, at most 16 token verifications for streams run at the same time; verifications for another issuer are counted separately', async () => {
  const decisions = new Decisions()
  decisions.add('one', 40)
  expect(decisions.started).toBe(16)
  decisions.add('two', 3)
  expect(decisions.started).toBe(19)

  for (const end of decisions.waiting.splice(0, 10)) end()
  await until('10 queued decisions start', () => decisions.started === 29)
  await nextTurn()
  expect(decisions.started).toBe(29)
  await until('all decisions are made', () => {
    for (const end of decisions.waiting.splice(0)) end()
    return decisions.resolved === 43
  })
})

test('a check of a stream that needs no token verification uses none of the 16 verification slots, and 1,000 queued checks do not all start in one turn', async () => {
  const lanes = new VerificationLanes()
  for (let i = 0; i < 100; i++) expect(lanes.run('one', () => undefined)).toBeUndefined()
  const running = Array.from({ length: 16 }, () => Promise.withResolvers<void>())
  for (const { promise } of running) void lanes.run('one', () => promise)
  let decided = 0
  const queued = Array.from({ length: 1000 }, () => lanes.run('one', () => void decided++))
  running[0]!.resolve()
  let most = 0
  await until('all queued decisions are made', async () => {
    const before = decided
    await nextTurn()
    most = Math.max(most, decided - before)
    return decided === 1000
  })
  expect(most).toBeLessThanOrEqual(2 * 64)
  await Promise.all(queued)
})

test('a check of a stream that fails frees its verification slot, and its caller gets the error', async () => {
  const lanes = new VerificationLanes()
  const failed = Array.from({ length: 20 }, () => lanes.run('one', () => Promise.reject(new Error('deliberate')))!)
  const results = await Promise.allSettled(failed)
  expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 'rejected'))
  expect(() =>
    lanes.run('one', () => {
      throw new Error('thrown')
    }),
  ).toThrow('thrown')
  expect(lanes.run('one', () => undefined)).toBeUndefined()
})
