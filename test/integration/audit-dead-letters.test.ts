import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import type { VerbRun } from '../kit/host-order.ts'
import { type HttpReceiver, httpReceiver } from '../kit/http-receiver.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import type { TestWorker } from '../kit/worker.ts'

// Audit records that a sink rejects become dead letters. Dead letters are listed, and sent again by `audit replay`.
// Other records are still shipped.

const token = randomBytes(32).toString('base64url')
const { port } = await testRedis()
const writer = new AuditWriter(port)
let receiver: HttpReceiver
let worker: TestWorker
let node: TestNode

beforeAll(async () => {
  receiver = await httpReceiver()
  const sinks = { search: { type: 'http', url: receiver.url } }
  const [issuer, orders] = ['http://127.0.0.1:9', 'http://127.0.0.1:9']
  ;[worker, node] = await Promise.all([
    startShipping(port, sinks),
    startNode({
      policy: testPolicy({ issuer, orders }),
      settings: {
        redis: { url: `redis://127.0.0.1:${port}` },
        admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
        audit: { sinks: { search: { type: 'http', url: receiver.url } } },
      },
      env: { BOOTSTRAP: token },
    }),
  ])
})

function audit(...words: string[]): Promise<VerbRun> {
  return runVerb(['audit', ...words], {
    GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`,
    GATEHOUSE_ADMIN_TOKEN: token,
  })
}

async function sinkNow(name = 'search'): Promise<Record<string, unknown>> {
  const reply = await fetch(`http://127.0.0.1:${node.adminPort}/api/v1/audit/sinks`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { sinks } = (await reply.json()) as { sinks: Record<string, unknown>[] }
  return sinks.find(({ sink }) => sink === name)!
}

const taken = (id: string) => receiver.taken.some((record) => record['id'] === id)
const deadCount = () => writer.redis.xlen('gh:{a0}:dead:search')

test('records that an audit sink rejects are listed as dead letters, and `audit replay --dead` delivers them later', async () => {
  const { dead_letters: before } = await sinkNow()
  receiver.answer = ({ text }) => (/poison/.test(text) ? { status: 400, body: 'I do not like it' } : { status: 200 })
  await writer.write(5, (number) => (number % 5 === 0 ? { 'url.path': '/poison' } : {}))
  const poison = writer.ids.find((id) => Number(id.split('-').at(-1)) % 5 === 0 && !taken(id))!
  await until('a dead letter', async () => (await deadCount()) === Number(before) + 1)
  expect(taken(poison)).toBe(false)
  const listed = await audit('sinks')
  expect(listed.stdout).toContain('I do not like it')

  receiver.answer = () => ({ status: 200 })
  const { stdout, exitCode } = await audit('replay', '--sink', 'search', '--dead', '--output', 'json')
  expect([exitCode, JSON.parse(stdout)]).toEqual([0, { sink: 'search', letters: Number(before) + 1 }])
  await until('the dead letter is delivered', () => taken(poison))
  await until('no other dead letter remains', async () => (await deadCount()) === before)
})

test('`audit replay` with a time range sends the records of that range to the sink again', async () => {
  const since = new Date().toISOString()
  await writer.write(3)
  await until('the records are delivered', () => taken(writer.ids.at(-1)!))
  receiver.taken.length = 0
  const { exitCode } = await audit('replay', '--sink', 'search', '--since', since)

  expect(exitCode).toBe(0)
  await until('the records are delivered again', () => writer.ids.slice(-3).every(taken))
  expect(writer.ids.slice(0, -3).some(taken)).toBe(false)
})

test('the admin API and the metrics show lag and errors of an audit sink that is down, and no lag once the sink has received all records', async () => {
  receiver.answer = () => ({ status: 503, body: 'maintenance' })
  await writer.write(7)
  await until('the sink has a failure', async () => Number((await sinkNow())['failures']) > 0)
  expect(await sinkNow()).toMatchObject({
    configured: true,
    lag_complete: true,
    last_error: 'the audit receiver replied 503 maintenance',
  })
  expect((await sinkNow())['lag_records']).toBeGreaterThanOrEqual(7)
  const probes = worker.log.find(({ msg }) => msg === 'worker started')!['probes'] as number
  const now = async (name: string) => (await readMetrics(probes)).sum(`gatehouse_audit_${name}`, { sink: 'search' })
  // The worker measures the lag periodically. Its metrics show the lag after the next measurement.
  await until('the metrics show a lag', async () => (await now('shipping_lag_seconds')) > 0)
  await until('a counted failure', async () => (await now('shipping_failures_total')) > 0)
  expect((await readMetrics(probes)).series).toContain('gatehouse_queue_jobs{queue="ship:search",state="waiting"}')
  receiver.answer = () => ({ status: 200 })
  await expect
    .poll(() => sinkNow())
    .toMatchObject({
      lag_records: 0,
      failures: 0,
      lag_seconds: 0,
      last_error: 'the audit receiver replied 503 maintenance',
    })
  await until('the metrics show no lag', async () => (await now('shipping_lag_seconds')) === 0)
  await until('all delivered records are counted', async () => (await now('shipped_records_total')) > writer.ids.length)
})

test('`audit sinks forget` rejects a configured sink, and removes a sink that is not configured', async () => {
  await writer.redis.hset('gh:{a0}:cursors', 'former', '0-0')
  expect(await sinkNow('former')).toMatchObject({ configured: false })
  expect((await audit('sinks', 'forget', 'search')).stderr).toContain('remove the sink from the settings first')
  expect(await audit('sinks', 'forget', 'former')).toMatchObject({ exitCode: 0 })
  expect(await writer.redis.hexists('gh:{a0}:cursors', 'former')).toBe(0)
})

test('a worker stops sending records to an audit sink that has 10,000 dead letters, and continues when the dead letters are removed', async () => {
  const dead = 'gh:{a0}:dead:search'
  await until('all records are shipped', async () => (await sinkNow())['lag_records'] === 0)
  await writer.redis.del(dead)
  const letters = writer.redis.pipeline()
  for (let i = 0; i < 9970; i++) letters.xadd(dead, '*', 'reason', 'x', 'entry', '0-0', 'line', '{}')
  await letters.exec()
  receiver.answer = () => ({ status: 400, body: 'no' })
  for (let i = 0; i < 40; i++) await writer.write(5)

  await until('shipping stops', async () => String((await sinkNow())['last_error']).includes('10000 dead letters'))
  // The worker sends up to ten batches (here of 5 records) before it checks the limit again, so 50 more dead letters
  // can be added.
  expect(await deadCount()).toBeLessThan(10_000 + 50)

  receiver.answer = () => ({ status: 200 })
  await writer.redis.del(dead)
  await until('the newest record is delivered', () => taken(writer.ids.at(-1)!))
})
