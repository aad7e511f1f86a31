import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startWorker } from '../kit/worker.ts'

// S-151: forged jobs in Redis fail their validation, appear in the log and the queue status, and do not block other
// jobs.

const token = 'f'.repeat(64)
const good = { issuer: 'main', token, form: 'opaque' }

const forged: readonly [string, string][] = [
  ['nothing', ''],
  ['null', 'null'],
  ['a list', '[]'],
  ['__proto__', `{"__proto__":{"issuer":"main"},"token":"${token}","form":"opaque"}`],
  ['constructor', JSON.stringify({ constructor: { issuer: 'main' }, token, form: 'opaque' })],
  ['a token', JSON.stringify({ ...good, token: 'a-token-that-is-none' })],
  ['very long', JSON.stringify({ ...good, issuer: 'x'.repeat(8_000_000) })],
]

/**
 * A job of a newer version. Workers retry the job, so that a newer worker can run it, and fail it after the last
 * attempt.
 */
const newer = ['another version', JSON.stringify({ ...good, v: 2 })] as const

test('S-151: a worker fails forged jobs at their first attempt and runs the next valid job', async () => {
  const issuer = await startIntrospectionIssuer()
  const redisPort = (await testRedis()).port
  const base = opaqueGate({ issuer: issuer.url, orders: 'http://127.0.0.1:9', redisPort })
  const redis = new Redis(redisPort, '127.0.0.1', { maxRetriesPerRequest: null })
  const queue = new Queue('main', { connection: redis, prefix: '{gh:introspect}' })
  const folder = new NodeFolder()
  atEnd(async () => {
    folder.remove()
    await queue.close()
    redis.disconnect()
  })
  folder.writePolicy(base.policy)
  folder.writeSettings(base.settings!)
  const list = async () => {
    const run = await runVerb(['queues', '--config', folder.file('gatehouse.yaml'), '--output', 'json'], base.env!)
    return JSON.parse(run.stdout).queues[0]
  }
  for (const [name, data] of [['not JSON', '{"issuer":'], ...forged, newer] as const) {
    const { id } = await queue.add('introspect', good, { attempts: 4, jobId: name })
    await redis.hset(`{gh:introspect}:main:${id}`, 'data', data)
  }
  await queue.add('introspect', good)
  expect(await list()).toMatchObject({ waiting: forged.length + 3, failed: 0 })

  const worker = await startWorker(base)
  await worker.waitForLine(({ msg }) => msg === 'job done')

  await worker.waitForLine(({ job, final }) => job === newer[0] && final === true)

  const failed = worker.log.filter(({ msg }) => msg === 'job failed')
  const atOnce = failed.filter(({ job }) => job !== newer[0])
  expect(atOnce.map(({ job, final }) => [job, final])).toEqual(forged.map(([name]) => [name, true]))
  expect(failed.filter(({ job }) => job === newer[0]).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  expect(await list()).toMatchObject({ waiting: 0, failed: forged.length + 1 })
  expect(issuer.asked).toEqual([])
})
