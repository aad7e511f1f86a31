import { Queue } from 'bullmq'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { JobContract } from '../../../gateway/queues/job-contract.ts'
import { JobProducer } from '../../../gateway/queues/job-producer.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { RedisRelay } from '../../kit/redis-relay.ts'
import { until } from '../../kit/until.ts'

const contractOf = (kind: string): JobContract<{ readonly name: string }> => ({
  kind,
  payload: z.object({ name: z.string() }),
  attempts: 1,
  backoffMs: 10,
  waitingMax: 100,
})

const relay = await RedisRelay.start((await testRedis()).port)
const link = await testLink(redisSettingsFor(relay.port))

/** Starts a producer for jobs of a kind. @returns the producer, and the number of its jobs in Redis */
function start(kind: string, lines: string[]) {
  const producer = new JobProducer(contractOf(kind), link, (_, message) => lines.push(message))
  const queue = new Queue('main', { connection: link.queueConnection('worker', kind), prefix: link.keys.queues(kind) })
  atEnd(() => Promise.all([producer.close(), queue.close()]))
  return { add: () => producer.add('main', 'one', { name: 'one' }), waiting: () => queue.getWaitingCount() }
}

test('a job that a node adds to a queue before its Redis connection is open is not lost, and the node logs nothing', async () => {
  const lines: string[] = []
  // The connection of the producer sends its name first.
  relay.hold('gatehouse-late-producer')
  const late = start('late', lines)
  late.add()
  await until('the connection of the producer is held', () => relay.held > 0)
  // The other producer sends its job later than the first one tries to.
  const other = start('other', [])
  await until('the job of another producer is in its queue', async () => {
    other.add()
    return (await other.waiting()) === 1
  })
  relay.release()

  await until('the job is in the queue', async () => (await late.waiting()) === 1)
  expect(lines).toEqual([])
})
