// After the clock of a worker was an hour ahead, times that it stored are an hour away. They must not delay audit
// records by an hour.

import { afterEach, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { ShippingStates } from '../../../gateway/audit/shipping-state.ts'
import type { JobContract } from '../../../gateway/queues/job-contract.ts'
import { JobSchedule } from '../../../gateway/queues/job-schedule.ts'
import { QueueWorkers } from '../../../workers/queue-workers.ts'
import { SinkShipper } from '../../../workers/sink-shipper.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

const HOUR_MS = 3_600_000
const link = await testLink(redisSettingsFor((await testRedis()).port))

afterEach(() => void vi.useRealTimers())

const contract: JobContract<{ readonly name: string }> = {
  kind: 'clock',
  payload: z.object({ name: z.string() }),
  attempts: 1,
  backoffMs: 10,
  waitingMax: 100,
  everyMs: 50,
}

test('a repeating job runs again once a worker schedules it after the clock of a worker was set back by an hour', async () => {
  let runs = 0
  const work = async () => void runs++
  const queues = new QueueWorkers({ contract, link, concurrency: 1, work, log: () => {} })
  const schedule = new JobSchedule(contract, link)
  atEnd(async () => {
    await queues.close(1000)
    await schedule.close()
  })
  const repeat = () => schedule.repeat('main', 'job', { name: 'job' }, 50)

  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS })
  const endClock = setInterval(() => vi.setSystemTime(Date.now() + 10), 10)
  queues.retain([{ name: 'main', ratePerS: 100 }])
  await repeat()
  await until('the job runs while the clock is ahead', () => runs > 1)
  clearInterval(endClock)
  vi.useRealTimers()
  const before = runs
  await until('the job runs again', async () => {
    await repeat()
    return runs > before + 1
  })
})

test('a worker ships audit records although a worker whose clock was an hour ahead stored the time of the next attempt', async () => {
  const states = new ShippingStates(link.store, link.keys, 0)
  const sink = { send: async () => [], close: async () => {} }
  const shipper = new SinkShipper({ name: 'receiver', sink, client: link.store, keys: link.keys })
  await shipper.register(0)
  // An entry without records becomes a dead letter, which is a result of the delivery too.
  await link.store.call('XADD', link.keys.auditLog(0), '*', 'unknown', 'entry')

  await states.noteFailure('receiver', { failures: 1, retryAtMs: Date.now() + 60_000, error: 'unavailable' })
  expect(await shipper.ship(0)).toBeUndefined()
  await states.noteFailure('receiver', { failures: 2, retryAtMs: Date.now() + HOUR_MS, error: 'unavailable' })
  expect(await shipper.ship(0)).toEqual({ records: 0, dead: 1 })
})
