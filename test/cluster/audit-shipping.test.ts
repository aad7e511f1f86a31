import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AuditWriter } from '../kit/audit-writer.ts'
import { atEnd } from '../kit/cleanup.ts'
import { httpReceiver } from '../kit/http-receiver.ts'
import { decodeOtlpLogs } from '../kit/otlp-logs.ts'
import { freePort } from '../kit/ports.ts'
import { testRedis } from '../kit/redis.ts'
import { startShipping } from '../kit/shipping-worker.ts'
import { syslogReceiver } from '../kit/syslog-receiver.ts'
import { until } from '../kit/until.ts'

// Each sink gets every audit record although workers, Redis and receivers fail. Apart from repeats, records arrive in
// order; the order is not checked for the bulk sink. GATEHOUSE_TEST_OUTAGE_S is the duration of the receiver outage in
// seconds (default 4).

const outageMs = Number(process.env['GATEHOUSE_TEST_OUTAGE_S'] ?? 4) * 1000

/** Removes repeated ids. */
const once = (ids: readonly unknown[]): unknown[] => [...new Set(ids)]

test('although workers are killed, receivers fail and Redis restarts, every audit record reaches each sink, in order except at the Elasticsearch sink', {
  timeout: outageMs + 400_000,
}, async () => {
  const redisPort = freePort()
  const durable = { port: redisPort, folder: mkdtempSync(join(tmpdir(), 'gatehouse-redis-')), appendOnly: true }
  const redis = await testRedis(durable)
  const writer = new AuditWriter(redisPort)
  const [bulk, otlp, slow, syslog] = await Promise.all([
    httpReceiver(),
    httpReceiver(),
    httpReceiver(),
    syslogReceiver(),
  ])
  bulk.answer = ({ text }) => {
    const creations = text.split('\n').filter((line) => line.startsWith('{"create":'))
    // Replies 429 to every tenth item of a request with more than 50 items. Smaller retries succeed.
    const items = creations.map((_, i) => ({ create: { status: i % 10 === 9 && creations.length > 50 ? 429 : 201 } }))
    return { status: 200, body: JSON.stringify({ errors: items.some(({ create }) => create.status > 201), items }) }
  }
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  slow.answer = () => ({ status: 200, delayMs: 700, held })
  const archive = join(mkdtempSync(join(tmpdir(), 'gatehouse-archive-')), 'audit.ndjson')
  atEnd(() => rmSync(dirname(archive), { recursive: true, force: true }))
  const sinks = {
    archive: { type: 'file', path: archive },
    bulk: { type: 'http', preset: 'elasticsearch', url: bulk.url },
    otlp: { type: 'otlp', url: `${otlp.url}/v1/logs` },
    slow: { type: 'http', url: slow.url, records: 100 },
    syslog: {
      type: 'syslog',
      address: `127.0.0.1:${syslog.port}`,
      tls: { ca: syslog.caFile, server_name: 'localhost' },
      resend: 3000,
    },
  }
  let workers = await Promise.all([startShipping(redisPort, sinks), startShipping(redisPort, sinks)])
  const write = async (batches: number) => {
    for (let i = 0; i < batches; i++) {
      await writer.write(50)
      await sleep(20)
    }
  }

  await write(10)
  await until('the first records are in the file', () => textOf(archive).includes(writer.ids.at(-1)!))
  // The slow sink has accepted no record yet, and has not delayed the other sinks.
  expect(slow.taken).toEqual([])
  release()

  await Promise.all([otlp.close(), syslog.close()])
  const writing = write(20)
  await sleep(300)
  await Promise.all(workers.map((worker) => worker.kill()))
  workers = await Promise.all([startShipping(redisPort, sinks), startShipping(redisPort, sinks)])
  await writing
  await sleep(outageMs)
  await Promise.all([otlp.listen(otlp.port), syslog.listen(syslog.port)])

  await redis.stop()
  await testRedis(durable)
  await until('Redis is ready', () => writer.redis.status === 'ready')
  await write(5)

  const shipped: Record<string, () => unknown[]> = {
    archive: () => linesOf(textOf(archive)),
    bulk: () => bulk.taken.filter((line) => 'id' in line).map(({ id }) => id),
    otlp: () =>
      otlp.received.flatMap(({ text }) => decodeOtlpLogs(text)).map(({ attributes }) => attributes['log.record.uid']),
    slow: () => slow.taken.map(({ id }) => id),
    syslog: () => syslog.messages.map(({ parameters }) => parameters['id']),
  }
  for (const [name, ids] of Object.entries(shipped)) {
    await until(`${name} has all records`, () => once(ids()).length === writer.ids.length, 60_000)
    if (name !== 'bulk') expect([name, once(ids())]).toEqual([name, writer.ids])
  }
  expect(new Set(shipped['bulk']!())).toEqual(new Set(writer.ids))
  for (const worker of workers) expect(await worker.stop()).toBe(0)
})

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function linesOf(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{"id"'))
    .map((line) => JSON.parse(line).id)
}
