import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { loginNode } from '../kit/login-gate.ts'
import { NodeFolder } from '../kit/node-folder.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { freePort } from '../kit/ports.ts'
import { programPath } from '../kit/programs.ts'
import { testRedis } from '../kit/redis.ts'
import { redisCli } from '../kit/redis-cli.ts'
import { startWorker } from '../kit/worker.ts'

// `gatehouse worker` and `gatehouse queues`, started from the command line.

let redisPort: number
let options: ReturnType<typeof opaqueGate>

beforeAll(async () => {
  redisPort = (await testRedis()).port
  options = opaqueGate({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9', redisPort })
})

function folderOf(settings: Readonly<Record<string, unknown>> = options.settings!): NodeFolder {
  const folder = new NodeFolder()
  atEnd(() => folder.remove())
  folder.writePolicy(options.policy)
  folder.writeSettings(settings)
  return folder
}

async function run(
  words: string[],
  folder = folderOf(),
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { PATH, HOME } = process.env
  const child = spawn(
    process.execPath,
    [programPath('gatehouse'), ...words, '--config', folder.file('gatehouse.yaml')],
    {
      env: { PATH, HOME, ...options.env, ...env },
      timeout: 100_000,
    },
  )
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr }
}

test('`gatehouse queues` shows the number of workers as unknown when its Redis user is not allowed to list clients', async () => {
  await redisCli(redisPort, 'ACL', 'SETUSER', 'viewer', 'on', '>viewer', '~*', '&*', '+@all', '-client|list')
  const redis = { url: `redis://127.0.0.1:${redisPort}`, username: 'viewer', password: { env: 'VIEWER' } }
  const folder = folderOf({ ...options.settings!, redis })

  const { stdout } = await run(['queues', '--output', 'json'], folder, { VIEWER: 'viewer' })
  const { stdout: table } = await run(['queues'], folder, { VIEWER: 'viewer' })

  expect(JSON.parse(stdout).queues).toMatchObject([{ queue: 'introspect:main', workers: null }])
  expect(table).toMatch(/^introspect:main .* unknown/m)
})

test('a worker does not retry a job with an invalid payload, and `gatehouse queues` lists the job as failed', async () => {
  const connection = new Redis(redisPort, '127.0.0.1', { maxRetriesPerRequest: null })
  const queue = new Queue('main', { connection, prefix: '{gh:introspect}' })
  atEnd(async () => {
    await queue.close()
    connection.disconnect()
  })
  await queue.add('introspect', { issuer: 'main', token: '../../x', form: 'opaque' }, { attempts: 4 })
  const before = await run(['queues', '--output', 'json'])
  expect(before.stderr).toBe('')
  expect(JSON.parse(before.stdout)).toMatchObject({ queues: [{ queue: 'introspect:main', waiting: 1, workers: 0 }] })

  const worker = await startWorker({ ...options, settings: { ...options.settings, probes: { listen: '127.0.0.1:0' } } })
  await worker.waitForLine(({ msg }) => msg === 'job failed')
  const { code, stdout } = await run(['queues', '--output', 'json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).queues).toMatchObject([
    { queue: 'introspect:main', waiting: 0, failed: 1, workers: 1, last_failure: expect.stringContaining('token') },
  ])
  expect(worker.log.filter(({ msg }) => msg === 'job failed').length).toBe(1)

  const { probes } = worker.log.find(({ msg }) => msg === 'worker started')!
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${probes}${path}`)).status
  expect(await Promise.all(['/livez', '/readyz', '/startupz', '/metrics'].map(status))).toEqual([200, 200, 200, 200])

  const { stdout: table } = await run(['queues'])
  expect(table).toMatch(/^QUEUE +WAITING +ACTIVE +DELAYED +FAILED +LAG +WORKERS +LAST FAILURE\nintrospect:main +0/)
})

test('`gatehouse queues` exits with 3 if Redis does not reply', async () => {
  const settings = { ...options.settings, redis: { url: `redis://127.0.0.1:${freePort()}` } }
  const { code, stderr } = await run(['queues', '--output', 'json'], folderOf(settings))

  expect(code).toBe(3)
  expect(JSON.parse(stderr)).toMatchObject({ code: 'GH_UNREACHABLE' })
})

test('`gatehouse worker` exits with 1 if its settings have no Redis', async () => {
  const { code, stderr } = await run(
    ['worker', '--output', 'json'],
    folderOf({ ...options.settings, redis: undefined }),
  )

  expect(code).toBe(1)
  expect(JSON.parse(stderr)).toMatchObject({ code: 'GH_CONFIG_MISSING', path: 'redis' })
})

test('a worker that refreshes sessions does not start without the encryption key', async () => {
  const [issuer, orders] = ['http://127.0.0.1:9', 'http://127.0.0.1:9']
  const { policy, env } = loginNode({ issuer, orders, redisPort, port: freePort() })
  const settings = { redis: { url: `redis://127.0.0.1:${redisPort}` } }
  const failure = await startWorker({ policy, settings, env: env! }).catch((error: Error) => error)

  expect(String(failure)).toContain('gatehouse keys generate encryption')
})
