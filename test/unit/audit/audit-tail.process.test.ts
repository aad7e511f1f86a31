import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { AuditTail, type TailEvent } from '../../../gateway/audit/audit-tail.ts'
import { LogReader } from '../../../gateway/audit/log-reader.ts'
import type { RecordFilter } from '../../../gateway/audit/record-filter.ts'
import { AuditWriter } from '../../kit/audit-writer.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'

// Many viewers watch the audit log on one node. They share one read, and a slow viewer loses only its own records.

const { port } = await testRedis()
const link = await testLink(redisSettingsFor(port))
let runs = 0

/** A separate audit log, and its tail with a clock that the test moves. */
function setUp() {
  const shard = runs++
  const clock = { ms: 1000 }
  const tail = new AuditTail([new LogReader(link.store, link.keys, shard)], () => clock.ms)
  return { clock, tail, writer: new AuditWriter(port, 'node-1.0123456789ab', shard) }
}

type Events = AsyncIterator<TailEvent | undefined>

async function watch(tail: AuditTail, filter: RecordFilter = { fields: {} }): Promise<Events> {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  return (await tail.watch(filter, ending.signal))[Symbol.asyncIterator]()
}

async function next(events: Events): Promise<TailEvent> {
  for (;;) {
    const { value } = await events.next()
    if (value !== undefined) return value
  }
}

async function take(events: Events, count: number): Promise<TailEvent[]> {
  const taken: TailEvent[] = []
  while (taken.length < count) taken.push(await next(events))
  return taken
}

const pathsOf = (events: readonly TailEvent[]) =>
  events.map((event) => (event.kind === 'record' ? JSON.parse(event.line)['url.path'] : event))

test('200 clients that follow the audit log get each new record, and share the reads of the log', async () => {
  const { tail, writer } = setUp()
  await writer.write(3)
  const viewers = await Promise.all(Array.from({ length: 200 }, () => watch(tail)))
  expect(tail.isFull).toBe(true)
  await writer.write(2)
  const before = tail.reads
  const all = await Promise.all(viewers.map((events) => take(events, 2)))
  // Separate reads of 200 viewers would be 200 at least.
  expect(tail.reads - before).toBeLessThan(100)
  for (const events of all) expect(pathsOf(events)).toEqual(['/orders/4', '/orders/5'])
})

test('a client that follows the audit log gets only the records that match its filter', async () => {
  const { tail, writer } = setUp()
  const fields = { 'user.id': 'eve', 'gatehouse.service': 'orders', 'http.request.method': 'POST' } as const
  const events = await watch(tail, { fields, pathPrefix: '/orders/1' })
  await writer.write(12, (number) => ({
    'user.id': number === 11 ? 'alice' : 'eve',
    'http.request.method': number === 12 ? 'GET' : 'POST',
  }))
  expect(pathsOf(await take(events, 2))).toEqual(['/orders/1', '/orders/10'])
  await writer.write(1, () => ({ 'user.id': 'eve', 'http.request.method': 'POST', 'url.path': '/x/orders/1' }))
  await writer.write(1, () => ({ 'user.id': 'eve', 'http.request.method': 'POST', 'url.path': '/orders/19' }))
  expect(pathsOf(await take(events, 1))).toEqual(['/orders/19'])
})

test('a client that follows the audit log gets 50 records per second, and then the number of the omitted records', async () => {
  const { clock, tail, writer } = setUp()
  const events = await watch(tail)
  await writer.write(120)
  expect((await take(events, 50)).every(({ kind }) => kind === 'record')).toBe(true)
  clock.ms += 1000
  expect(await next(events)).toEqual({ kind: 'left-out', records: 70 })
  await writer.write(1)
  expect(pathsOf(await take(events, 1))).toEqual(['/orders/121'])
})

test('a client that follows the audit log and stops reading loses records beyond the 100 waiting ones, and another client gets all', async () => {
  const { clock, tail, writer } = setUp()
  const [slow, fast] = [await watch(tail), await watch(tail)]
  for (let i = 0; i < 4; i++) {
    await writer.write(40)
    expect(await take(fast, 40)).toHaveLength(40)
    clock.ms += 1000
  }
  expect(await take(slow, 100)).toHaveLength(100)
  expect(await next(slow)).toEqual({ kind: 'left-out', records: 60 })
})

test('the event stream of a client that follows the audit log ends when the client disconnects, and a later client gets later records', async () => {
  const { tail, writer } = setUp()
  const ending = new AbortController()
  const first = (await tail.watch({ fields: {} }, ending.signal))[Symbol.asyncIterator]()
  await writer.write(1)
  expect(pathsOf(await take(first, 1))).toEqual(['/orders/1'])
  for (let number = 2; number <= 5; number++) {
    await writer.write(1)
    await take(first, 1)
  }
  // Each wait for an event removes its listener: a viewer can watch for hours.
  expect(getEventListeners(ending.signal, 'abort').length).toBeLessThanOrEqual(2)
  ending.abort()
  expect((await first.next()).done).toBe(true)
  const second = await watch(tail)
  await writer.write(1)
  expect(pathsOf(await take(second, 1))).toEqual(['/orders/6'])
})
