import { Queue } from 'bullmq'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { JobContract } from '../../../gateway/queues/job-contract.ts'
import { JobProducer } from '../../../gateway/queues/job-producer.ts'
import { handles } from '../../../workers/handles.ts'
import { JobContinuation } from '../../../workers/job-continuation.ts'
import { QueueWorkers } from '../../../workers/queue-workers.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// Nodes and workers can be upgraded in either order. An older worker ignores additional fields of a job, and leaves
// jobs of a newer version to newer workers.

interface Greeting {
  readonly name: string
  readonly loudly?: boolean
  readonly times?: number
}

const first: JobContract<Greeting> = {
  kind: 'greet',
  payload: z.object({ name: z.string() }),
  attempts: 400,
  backoffMs: 10,
  waitingMax: 100,
}
/** Contract with a new field that an older worker can ignore. */
const wider: JobContract<Greeting> = { ...first, payload: first.payload.and(z.object({ loudly: z.boolean() })) }
/** Contract with a new field that an older worker must not ignore, so its version is 2. */
const second: JobContract<Greeting> = {
  ...first,
  payload: z.object({ name: z.string(), times: z.number() }),
  version: 2,
}

const link = await testLink(redisSettingsFor((await testRedis()).port))
const workers: QueueWorkers[] = []
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close(2000)))
})

/**
 * Adds a job, and tries again until the job is in the queue, because a job that cannot be added is lost. Works only
 * before a worker runs.
 */
async function order(contract: JobContract<Greeting>, name: string, payload: Greeting): Promise<void> {
  const producer = new JobProducer(contract, link, () => undefined)
  const queue = looker(name)
  await until('the job is in the queue', async () => {
    producer.add(name, payload.name, payload)
    return (await queue.getWaitingCount()) === 1
  })
  await producer.close()
}

/**
 * Starts a worker for jobs of the contract `contract`.
 *
 * @returns jobs that the worker has done, and the reasons of failed jobs
 */
function work(
  contract: JobContract<Greeting>,
  queue: string,
  done: (greeting: Greeting) => unknown = () => 'greeted',
): { greeted: Greeting[]; failures: string[] } {
  const [greeted, failures]: [Greeting[], string[]] = [[], []]
  const worker = new QueueWorkers({
    contract,
    link,
    concurrency: 1,
    work: handles(contract, async (greeting) => {
      greeted.push(greeting)
      return done(greeting)
    }),
    log: (_, message, { reason }) => message === 'job failed' && failures.push(String(reason)),
  })
  workers.push(worker)
  worker.retain([{ name: queue, ratePerS: 1000 }])
  return { greeted, failures }
}

function looker(name: string): Queue {
  const connection = link.queueConnection('producer', `look-${name}`)
  const queue = new Queue(name, { connection, prefix: link.keys.queues('greet'), skipVersionCheck: true })
  atEnd(() => queue.close())
  return queue
}

test('a worker ignores a job field that it does not know', async () => {
  await order(wider, 'wider', { name: 'alice', loudly: true })
  const { greeted } = work(first, 'wider')
  await until('the worker has run the job', () => greeted.length === 1)

  expect(greeted).toEqual([{ name: 'alice' }])
})

test('an older worker leaves a job of a newer version to a worker that knows that version', async () => {
  await order(second, 'newer', { name: 'bob', times: 3 })
  const old = work(first, 'newer')
  await until('the old worker has refused the job', () => old.failures.length > 0)
  // If the older worker kept running, chance would decide which worker gets the job.
  await workers[0]!.close(2000)
  const young = work(second, 'newer')
  await until('the new worker has run the job', () => young.greeted.length === 1)

  expect(young.greeted).toEqual([{ name: 'bob', times: 3 }])
  expect(old.greeted).toEqual([])
  expect(new Set(old.failures)).toEqual(new Set(['this greet job was written by a newer version; upgrade the workers']))
})

test('a newer worker runs a job of an older node if the job lacks a field for which the newer version has a default', async () => {
  const both = { ...second, payload: z.object({ name: z.string(), times: z.number().default(1) }) }
  await order(first, 'older', { name: 'carol' })
  const { greeted } = work(both, 'older')
  await until('the worker has run the job', () => greeted.length === 1)

  expect(greeted).toEqual([{ name: 'carol', times: 1 }])
})

test('a job that a worker continues with a new payload keeps its version', async () => {
  await order(second, 'parts', { name: 'dave', times: 2 })
  const { greeted } = work(second, 'parts', ({ name, times = 0 }) =>
    times > 1 ? new JobContinuation({ name, times: times - 1 }) : 'greeted',
  )
  await until('the worker has run both parts of the job', () => greeted.length === 2)
  const queue = looker('parts')
  await until('the job is completed', async () => (await queue.getCompletedCount()) === 1)

  expect((await queue.getCompleted()).map(({ data }) => data)).toEqual([{ name: 'dave', times: 1, v: 2 }])
})

test('a job with a payload that is invalid for its own version fails without a retry', async () => {
  await order(second, 'broken', { name: 'erin' })
  const { failures } = work(second, 'broken')
  const queue = looker('broken')
  await until('the job has failed', async () => (await queue.getFailedCount()) === 1)
  // The worker logs the failure shortly after Redis stores it.
  await until('the worker has logged the failure', () => failures.length > 0)
  expect(failures).toEqual([expect.stringContaining('invalid greet job: times')])
})
