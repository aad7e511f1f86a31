import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startNode } from '../kit/node.ts'
import { connect, exchange, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'
import { sendUntilReply } from './paced-body.ts'

// Each exchange ends: when its service does not reply, stalls or never completes its reply (504, or an aborted reply),
// and when its client stalls. A slow service that still sends is served. The tests check bounds, not durations.

const ok = 'HTTP/1.1 200 OK\r\n'
const dripped = 12

/** Targets whose connection to the service has been closed by the gate. */
const closed = new Set<string>()
/** Until this resolves, the upstream reads no body of /unread. */
const replied = Promise.withResolvers<void>()
/** Service that behaves as the last segment of the path names, then waits until the gate closes the connection. */
const upstream = await rawUpstream(async (wire) => {
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  const [, target = '', behaviour] = /^\S+ (\/[^/]+\/([^? ]*)\S*)/.exec(head) ?? []
  if (behaviour === 'unread') await replied.promise
  if (behaviour === 'headed') await wire.send(`${ok}Content-Length: 5\r\n\r\n`)
  if (behaviour === 'stalled') await wire.send(`${ok}Content-Length: 10\r\n\r\nhello`)
  if (behaviour === 'stalled-chunked') await wire.send(`${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
  if (behaviour === 'dripping') {
    await wire.send([`${ok}Content-Length: ${dripped}\r\n\r\n`, ...'x'.repeat(dripped)], 250)
  }
  if (behaviour === 'endless') {
    await wire.send(`${ok}Transfer-Encoding: chunked\r\n\r\n`)
    while (wire.ending === 'open') await wire.send(['1\r\nx\r\n', ''], 100)
  }
  await wire.rest(60_000)
  closed.add(target)
})
const large = Buffer.alloc(20 * 1024 * 1024, 'large')
const patient = await startUpstream({ handler: (_received, response) => void response.end(large) })
const deaf = await deafUpstream()

const node = await startNode({
  policy: publicPolicy({
    first: { upstreams: [upstream.url], entry: { timeouts: { first_byte: '200ms' } } },
    idle: { upstreams: [upstream.url], entry: { timeouts: { idle: '8s' } } },
    total: { upstreams: [upstream.url], entry: { timeouts: { total: '8s' } } },
    ample: { upstreams: [upstream.url], entry: { timeouts: { total: '1m', idle: '1m', first_byte: '1m' } } },
    large: { upstreams: [patient.url], entry: { timeouts: { idle: '3s' } } },
    deaf: { upstreams: [deaf], entry: { timeouts: { connect: '200ms' } } },
  }),
  settings: { request: { idle: '8s' } },
})

const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

/** Waits until the gate has closed the connection to the service. */
const expectClosed = (target: string) =>
  until(`the gate has closed the connection of ${target}`, () => closed.has(target))

test.concurrent.each([
  { target: '/first/silent', bytes: requestBytes({ target: '/first/silent' }), reason: 'upstream-timeout' },
  {
    target: '/first/silent?after-an-upload',
    bytes: requestBytes({ method: 'POST', target: '/first/silent?after-an-upload', body: 'hello' }),
    reason: 'upstream-timeout',
  },
  { target: '/idle/headed', bytes: requestBytes({ target: '/idle/headed' }), reason: 'upstream-timeout' },
  { target: '/total/silent', bytes: requestBytes({ target: '/total/silent' }), reason: 'exchange-timeout' },
])(
  'a request for $target gets 504 with the reason $reason, and the gate closes the service connection',
  async ({ target, bytes, reason }) => {
    const reply = await request(node.port, bytes)

    expect(reply.status).toBe(504)
    expect(reply.json()).toMatchObject({ code: 'gateway_timeout' })
    const record = await node.waitForRecord(({ id }) => id === reply.field('x-request-id'))
    expect(record).toMatchObject({ decision: 'failed', reason, status: 504, attempts: 1 })
    await expectClosed(target)
  },
)

test.concurrent('an upload that the service does not read gets 504 after timeouts.first_byte', async () => {
  const wire = await connect(node.port)
  await wire.send(`POST /first/unread HTTP/1.1\r\nHost: api.test\r\nContent-Length: 9000000\r\n\r\n`)
  await sendUntilReply(wire, Buffer.alloc(500_000), 18)

  // The gate closes the connection with unread bytes of the upload, so its reset can discard the reply (RFC 9112 §9.6).
  expect([504, undefined]).toContain((await readReply(wire))?.status)
  replied.resolve()
  expect(await recordOf('/first/unread')).toMatchObject({ reason: 'upstream-timeout', status: 504 })
  await expectClosed('/first/unread')
})

test.concurrent.each([
  { path: '/idle/stalled', reason: 'reply-broken' },
  { path: '/idle/stalled-chunked', reason: 'reply-broken' },
  { path: '/total/stalled', reason: 'exchange-timeout' },
  { path: '/total/endless', reason: 'exchange-timeout' },
])('the gate aborts the reply to $path after part of its body, with the reason $reason', async ({ path, reason }) => {
  const { replies, ending } = await exchange(node.port, requestBytes({ target: path }), { replies: 'all' })

  expect(replies).toHaveLength(1)
  expect(replies[0]).toMatchObject({ status: 200, complete: false })
  expect(replies[0]!.body.length).toBeGreaterThan(0)
  expect(ending).not.toBe('open')
  expect(await recordOf(path)).toMatchObject({ reason, status: 200, bytes_out: replies[0]!.body.length })
  await expectClosed(path)
})

test.concurrent.each(['/idle/dripping', '/ample/dripping'])(
  'the gate completes the slow reply to %s, which exceeds no timeout of its service',
  async (path) => {
    const reply = await request(node.port, requestBytes({ target: path }))

    expect(reply).toMatchObject({ status: 200, complete: true, text: 'x'.repeat(dripped) })
  },
)

test.concurrent('a client that begins to read only after the idle timeout of the service gets the whole reply', async () => {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/large/1' }))
  await sleep(5000)

  const reply = await readReply(wire)
  expect(reply?.complete).toBe(true)
  expect(reply?.body.equals(large)).toBe(true)
})

test.concurrent('the gate replies 502 when an upstream does not accept a connection within timeouts.connect', async () => {
  const reply = await request(node.port, requestBytes({ target: '/deaf/1' }))

  expect(reply.status).toBe(502)
  expect(await recordOf('/deaf/1')).toMatchObject({
    reason: 'upstream-unreachable',
    fault: `${deaf}: no connection to the upstream (ETIMEDOUT)`,
  })
})

test.concurrent('the gate replies 408 to an upload whose client stalls, and the service gets an incomplete body', async () => {
  const wire = await connect(node.port)
  await wire.send('POST /ample/silent?stalling HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nhello')

  const reply = (await wire.rest()).toString('latin1')
  expect(reply).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/)
  const record = await node.waitForRecord(({ path, bytes_in }) => path === '/ample/silent' && bytes_in === 5)
  expect(record).toMatchObject({ decision: 'broken', reason: 'upload-stalled', status: 408 })
  const seen = upstream.received.find((bytes) => bytes.includes('/ample/silent?stalling'))!.toString('latin1')
  expect(seen.endsWith('\r\n\r\nhello')).toBe(true)
})

/** Returns the URL of a listener whose process is stopped and whose accept queue is full: no SYN gets a reply. */
async function deafUpstream(): Promise<string> {
  const script = `const s = require('node:net').createServer()
    s.listen(0, '127.0.0.1', 1, () => console.log(s.address().port))`
  const child: ChildProcess = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => child.kill('SIGKILL'))
  const [firstLine] = await once(child.stdout!, 'data')
  const port = Number(String(firstLine))
  child.kill('SIGSTOP')
  const state = () => readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(') ')[1]![0]
  await until('the listener is stopped', () => state() === 'T')
  // With a backlog of 1, Linux queues two connections.
  await Promise.all([connect(port), connect(port)])
  return `http://127.0.0.1:${port}`
}
