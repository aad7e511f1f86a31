import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §6, S-044, S-045: the gate continues a well-formed trace and request id of the client, and
// replaces a malformed one. Neither is a reason to reject a request. W3C Trace Context §3.2, §3.3; Baggage §3.3.2.

const upstream = await startUpstream()
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    wary: { upstreams: [upstream.url], entry: { trust_trace: false } },
  }),
})

type Field = readonly [name: string, value: string]

async function exchange(fields: readonly Field[], service = 's') {
  const reply = await request(node.port, requestBytes({ target: `/${service}/1`, fields }))
  expect(reply.status, reply.text).toBe(200)
  return { reply, received: await upstream.next() }
}

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const good = `00-${traceId}-${spanId}-01`
const wellFormed = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

test.each([good, `00-${traceId}-${spanId}-00`, `cc-${traceId}-${spanId}-01-what-the-future-will-be-like`])(
  'the gate continues traceparent %s of the client with its tracestate',
  async (traceparent) => {
    const { received } = await exchange([
      ['traceparent', traceparent],
      ['tracestate', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
      ['baggage', 'userId=alice'],
    ])

    expect(received.all('traceparent')).toEqual([traceparent])
    expect(received.all('tracestate')).toEqual(['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'])
    expect(received.all('baggage')).toEqual(['userId=alice'])
  },
)

test.each<{ title: string; fields: Field[] }>([
  { title: 'no traceparent', fields: [] },
  { title: 'an invalid traceparent', fields: [['traceparent', 'x']] },
  { title: 'an empty traceparent', fields: [['traceparent', '']] },
  { title: 'a trace id of zeros', fields: [['traceparent', `00-${'0'.repeat(32)}-${spanId}-01`]] },
  { title: 'a span id of zeros', fields: [['traceparent', `00-${traceId}-${'0'.repeat(16)}-01`]] },
  { title: 'a traceparent of version ff', fields: [['traceparent', `ff-${traceId}-${spanId}-01`]] },
  { title: 'a traceparent of version 00 with a suffix', fields: [['traceparent', `${good}-x`]] },
  { title: 'a traceparent in upper case', fields: [['traceparent', good.toUpperCase()]] },
  { title: 'a traceparent that is too short', fields: [['traceparent', good.slice(1)]] },
  {
    title: 'two traceparent fields',
    fields: [
      ['traceparent', good],
      ['traceparent', good],
    ],
  },
  {
    title: 'three traceparent fields',
    fields: [
      ['traceparent', good],
      ['traceparent', good],
      ['traceparent', good],
    ],
  },
])('S-044: the gate starts a new trace without the old tracestate when the client sends $title', async ({ fields }) => {
  const { received } = await exchange([...fields, ['tracestate', 'old=1']])

  const [traceparent, ...more] = received.all('traceparent')
  expect(more).toEqual([])
  expect(traceparent).toMatch(wellFormed)
  expect(traceparent).not.toContain(traceId)
  expect(received.all('tracestate')).toEqual([])
})

test.each<{ title: string; field: Field }>([
  {
    title: 'a tracestate of 40 members',
    field: ['tracestate', Array.from({ length: 40 }, (_, n) => `k${n}=v`).join(',')],
  },
  { title: 'a tracestate of 2 kB', field: ['tracestate', `k=${'v'.repeat(2000)}`] },
  { title: 'a baggage of 20 kB', field: ['baggage', `k=${'v'.repeat(20_000)}`] },
])('S-044: the gate drops $title and keeps the traceparent', async ({ field }) => {
  const { received } = await exchange([['traceparent', good], field])

  expect(received.all('traceparent')).toEqual([good])
  expect(received.all(field[0])).toEqual([])
})

test('the gate starts a new trace for a service with trust_trace: false, even if the client sends a valid trace', async () => {
  const { received } = await exchange(
    [
      ['traceparent', good],
      ['tracestate', 'rojo=1'],
      ['baggage', 'userId=alice'],
    ],
    'wary',
  )

  expect(received.all('traceparent')[0]).toMatch(wellFormed)
  expect(received.all('traceparent')[0]).not.toContain(traceId)
  expect(received.all('tracestate')).toEqual([])
  expect(received.all('baggage')).toEqual([])
})

test('two traces that the gate starts have different ids', async () => {
  const begun = [await exchange([]), await exchange([])].map(({ received }) => received.all('traceparent')[0])

  expect(new Set(begun).size).toBe(2)
})

test.each(['a', 'A-b_c.9', 'x'.repeat(128), '0193a6e2-7f1c-7000-8000-000000000000'])(
  'the gate keeps X-Request-Id %s of the client towards the service, in the reply and in the log',
  async (id) => {
    const { reply, received } = await exchange([['X-Request-Id', id]])

    expect(received.all('x-request-id')).toEqual([id])
    expect(reply.field('x-request-id')).toBe(id)
    expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ status: 200 })
  },
)

test.each<{ title: string; fields: Field[] }>([
  { title: 'no X-Request-Id', fields: [] },
  { title: 'an empty X-Request-Id', fields: [['X-Request-Id', '']] },
  { title: 'an X-Request-Id of 4 kB', fields: [['X-Request-Id', 'x'.repeat(4096)]] },
  { title: 'an X-Request-Id of 129 characters', fields: [['X-Request-Id', 'x'.repeat(129)]] },
  { title: 'an X-Request-Id with a quote', fields: [['X-Request-Id', 'x"y']] },
  { title: 'an X-Request-Id with a space', fields: [['X-Request-Id', 'x y']] },
  { title: 'an X-Request-Id that is not ASCII', fields: [['X-Request-Id', 'x\xc3\xa9']] },
  {
    title: 'two X-Request-Id fields',
    fields: [
      ['X-Request-Id', 'one'],
      ['X-Request-Id', 'two'],
    ],
  },
  { title: 'a field with the spelling X_Request_Id', fields: [['X_Request_Id', 'alias']] },
])('S-045: the gate generates a request id when the client sends $title', async ({ fields }) => {
  const { reply, received } = await exchange(fields)

  const [id, ...more] = received.all('x-request-id')
  expect(more).toEqual([])
  expect(id).toMatch(/^[A-Za-z0-9._-]{1,128}$/)
  expect(fields.map(([, value]) => value)).not.toContain(id)
  expect(reply.field('x-request-id')).toBe(id)
  expect(received.fields.filter(([, value]) => value === 'alias')).toEqual([])
})

test('uWebSockets.js replies 400 to a request with an escape sequence in X-Request-Id', async () => {
  const reply = await request(node.port, requestBytes({ target: '/s/1', fields: [['X-Request-Id', '\x1b[31m']] }))

  expect(reply.status).toBe(400)
})

test('the gate generates unique request ids', async () => {
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () =>
      (await request(node.port, requestBytes({ target: '/s/1' }))).field('x-request-id'),
    ),
  )

  expect(new Set(ids).size).toBe(50)
})
