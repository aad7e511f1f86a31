import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { connect, exchange, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { sendUntilReply } from './paced-body.ts'

// `body.max` of a route: the gate replies 413 to a larger Content-Length before the service receives anything. When a
// chunked body exceeds the limit, the gate replies 413, and the service gets an aborted request, never a complete one.
// With `chunked: refuse`, the gate replies 411 to a chunked body.

const upstream = await startUpstream()
const guarded = await startUpstream()
const issuer = await startIssuer()
const open = { require: 'public' }
const policyOf = (issuerUrl: string) => ({
  version: 1,
  issuers: { main: { issuer: issuerUrl, audience: ['https://api.test'] } },
  services: {
    s: {
      upstreams: [upstream.url],
      credentials: 'none',
      routes: [
        { id: 'thousand', match: { path: '/thousand/**' }, body: { max: '1000B' }, ...open },
        { id: 'nothing', match: { path: '/nothing/**' }, body: { max: '0B' }, ...open },
        { id: 'any', match: { path: '/any/**' }, body: { max: 'none' }, ...open },
        { id: 'usual', match: { path: '/usual/**' }, ...open },
      ],
    },
    guarded: {
      upstreams: [guarded.url],
      credentials: 'none',
      routes: [
        {
          id: 'guarded',
          match: { path: '/guarded/**' },
          body: { max: '1000B' },
          require: { scopes: { all: ['orders:read'] } },
        },
      ],
    },
    plain: {
      upstreams: [upstream.url],
      credentials: 'none',
      chunked: 'refuse',
      routes: [{ id: 'plain', match: { path: '/plain/**' }, ...open }],
    },
  },
})
const node = await startNode({ policy: policyOf(issuer.url) })

const chunkedHead = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n`
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`
const last = '0\r\n\r\n'
const receivedAt = (target: string) => upstream.requests.filter(({ url }) => url === target)

async function expectTooLarge(target: string, bytes: string | string[] | Buffer): Promise<void> {
  const { replies, ending } = await exchange(node.port, bytes, { replies: 'all' })

  expect(replies.map(({ status }) => status)).toEqual([413])
  expect(replies[0]!.json()).toMatchObject({ code: 'body_too_large', status: 413 })
  expect(replies[0]!.field('connection')).toBe('close')
  expect(ending).not.toBe('open')
  const record = await node.waitForRecord(({ path }) => path === target)
  expect(record).toMatchObject({ decision: 'refused', reason: 'body-too-large', status: 413 })
}

test.concurrent.each([
  { target: '/thousand/1001', length: 1001 },
  { target: '/thousand/huge', length: 9_999_999_999 },
  { target: '/nothing/1', length: 1 },
  { target: '/usual/more-than-10-MiB', length: 10 * 1024 * 1024 + 1 },
])('the gate replies 413 to $target with Content-Length: $length and forwards nothing', async ({ target, length }) => {
  await expectTooLarge(target, `POST ${target} HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${length}\r\n\r\nxxxx`)

  expect(receivedAt(target)).toEqual([])
})

test.concurrent.each([
  { target: '/thousand/at-once', pieces: [chunk(1001) + last] },
  { target: '/thousand/bit-by-bit', pieces: [chunk(600), chunk(300), chunk(100), chunk(1), last] },
  { target: '/thousand/with-its-last-byte', pieces: [chunk(999), chunk(2) + last] },
  { target: '/nothing/one-byte', pieces: [chunk(1) + last] },
])(
  'the gate replies 413 to a chunked body of $target above body.max, and aborts the request to the service',
  async ({ target, pieces }) => {
    await expectTooLarge(target, [chunkedHead(target), ...pieces])

    for (const received of receivedAt(target)) {
      await received.over
      expect(received).toMatchObject({ aborted: true })
      expect(received.bodyBytes).toBeLessThanOrEqual(1000)
    }
  },
)

test.concurrent('the gate replies 413 to an endless chunked body, and the service gets at most body.max of the body', async () => {
  const target = '/usual/endless'
  const wire = await connect(node.port)
  await wire.send(chunkedHead(target))
  await sendUntilReply(wire, chunk(1_000_000), 40)

  expect((await readReply(wire))?.status).toBe(413)
  await receivedAt(target)[0]!.over
  expect(receivedAt(target)[0]).toMatchObject({ aborted: true })
  expect(receivedAt(target)[0]!.bodyBytes).toBeLessThanOrEqual(10 * 1024 * 1024)
})

test.concurrent.each([
  {
    target: '/thousand/exactly',
    bytes: requestBytes({ method: 'POST', target: '/thousand/exactly', body: 'x'.repeat(1000) }),
  },
  {
    target: '/thousand/exactly-chunked',
    bytes: chunkedHead('/thousand/exactly-chunked') + chunk(400) + chunk(600) + last,
  },
  { target: '/nothing/at-all', bytes: requestBytes({ method: 'POST', target: '/nothing/at-all' }) },
  { target: '/nothing/zero', bytes: requestBytes({ method: 'POST', target: '/nothing/zero', body: '' }) },
  { target: '/nothing/no-chunk', bytes: chunkedHead('/nothing/no-chunk') + last },
  { target: '/any/more', bytes: requestBytes({ method: 'POST', target: '/any/more', body: 'x'.repeat(11_000_000) }) },
])('the gate forwards the body of $target within body.max', async ({ target, bytes }) => {
  expect((await request(node.port, bytes)).status).toBe(200)
  expect(receivedAt(target)).toHaveLength(1)
  expect(receivedAt(target)[0]).toMatchObject({ aborted: false })
})

test('a body above body.max during token verification gets 413, and the gate forwards nothing after the verification', async () => {
  const target = '/guarded/slow'
  const [slow, keysReleased] = [await startIssuer(), Promise.withResolvers<void>()]
  slow.answer('keys', { held: keysReleased.promise })
  await swap(node, policyOf(slow.url))
  const wire = await connect(node.port)
  const head = `POST ${target} HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer ${slow.sign()}\r\n`
  await wire.send(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk(1001)}`)

  const reply = await readReply(wire)
  expect(reply?.status).toBe(413)
  await until('the gate requests the issuer keys', () => slow.fetches.keys === 1)
  // With these keys, the gate completes the verification successfully.
  keysReleased.resolve()
  const known = requestBytes({ target: '/guarded/known', token: slow.sign() })
  await until(
    'a later request of the same issuer is admitted',
    async () => (await request(node.port, known)).status === 200,
  )
  expect(guarded.requests.map(({ url }) => url)).toEqual(['/guarded/known'])
  await node.waitForRecord(({ path }) => path === '/guarded/known')
  expect(node.accessLog().filter(({ path }) => path === target)).toHaveLength(1)
})

test.concurrent('with chunked: refuse, the gate replies 411 to a chunked upload, and the service receives nothing', async () => {
  const target = '/plain/chunked'
  const { replies, ending } = await exchange(node.port, chunkedHead(target) + chunk(5) + last, { replies: 'all' })

  expect(replies.map(({ status }) => status)).toEqual([411])
  expect(replies[0]!.json()).toMatchObject({ code: 'length_required' })
  expect(ending).not.toBe('open')
  const record = await node.waitForRecord(({ path }) => path === target)
  expect(record).toMatchObject({ decision: 'refused', reason: 'length-required' })
  expect(receivedAt(target)).toEqual([])
})

test.concurrent('with chunked: refuse, the gate forwards an upload with Content-Length', async () => {
  expect((await request(node.port, requestBytes({ method: 'POST', target: '/plain/1', body: 'hello' }))).status).toBe(
    200,
  )
})
