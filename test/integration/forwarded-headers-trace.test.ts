import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §6, S-044, S-045: a trace and a request id are continued when they are well-formed, else
// replaced, and never a reason to refuse. W3C Trace Context §3.2, §3.3; Baggage §3.3.2.

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
  'traceparent %s and its tracestate are continued',
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
  { title: 'none', fields: [] },
  { title: 'nonsense', fields: [['traceparent', 'x']] },
  { title: 'an empty one', fields: [['traceparent', '']] },
  { title: 'a trace id of zeros', fields: [['traceparent', `00-${'0'.repeat(32)}-${spanId}-01`]] },
  { title: 'a span id of zeros', fields: [['traceparent', `00-${traceId}-${'0'.repeat(16)}-01`]] },
  { title: 'version ff', fields: [['traceparent', `ff-${traceId}-${spanId}-01`]] },
  { title: 'version 00 with something behind', fields: [['traceparent', `${good}-x`]] },
  { title: 'upper case', fields: [['traceparent', good.toUpperCase()]] },
  { title: 'one too short', fields: [['traceparent', good.slice(1)]] },
  {
    title: 'two of them',
    fields: [
      ['traceparent', good],
      ['traceparent', good],
    ],
  },
  {
    title: 'three of them',
    fields: [
      ['traceparent', good],
      ['traceparent', good],
      ['traceparent', good],
    ],
  },
])('S-044: where the client sends $title, a new trace begins, without the old state', async ({ fields }) => {
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
])('S-044: $title is dropped, and nothing else', async ({ field }) => {
  const { received } = await exchange([['traceparent', good], field])

  expect(received.all('traceparent')).toEqual([good])
  expect(received.all(field[0])).toEqual([])
})

test('trust_trace: false starts a new trace, whatever the client sends', async () => {
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

test('two traces started by the gate have different ids', async () => {
  const begun = [await exchange([]), await exchange([])].map(({ received }) => received.all('traceparent')[0])

  expect(new Set(begun).size).toBe(2)
})

test.each(['a', 'A-b_c.9', 'x'.repeat(128), '0193a6e2-7f1c-7000-8000-000000000000'])(
  'X-Request-Id %s is kept towards the service, in the reply and in the log',
  async (id) => {
    const { reply, received } = await exchange([['X-Request-Id', id]])

    expect(received.all('x-request-id')).toEqual([id])
    expect(reply.field('x-request-id')).toBe(id)
    expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ status: 200 })
  },
)

test.each<{ title: string; fields: Field[] }>([
  { title: 'none', fields: [] },
  { title: 'an empty one', fields: [['X-Request-Id', '']] },
  { title: 'one of 4 kB', fields: [['X-Request-Id', 'x'.repeat(4096)]] },
  { title: 'one of 129 characters', fields: [['X-Request-Id', 'x'.repeat(129)]] },
  { title: 'one with a quote', fields: [['X-Request-Id', 'x"y']] },
  { title: 'one with a space', fields: [['X-Request-Id', 'x y']] },
  { title: 'one that is not ASCII', fields: [['X-Request-Id', 'x\xc3\xa9']] },
  {
    title: 'two',
    fields: [
      ['X-Request-Id', 'one'],
      ['X-Request-Id', 'two'],
    ],
  },
  { title: 'one under another spelling', fields: [['X_Request_Id', 'alias']] },
])('S-045: where the client sends $title, the gate makes one', async ({ fields }) => {
  const { reply, received } = await exchange(fields)

  const [id, ...more] = received.all('x-request-id')
  expect(more).toEqual([])
  expect(id).toMatch(/^[A-Za-z0-9._-]{1,128}$/)
  expect(fields.map(([, value]) => value)).not.toContain(id)
  expect(reply.field('x-request-id')).toBe(id)
  expect(received.fields.filter(([, value]) => value === 'alias')).toEqual([])
})

test('an escape sequence in X-Request-Id is rejected by the listener', async () => {
  const reply = await request(node.port, requestBytes({ target: '/s/1', fields: [['X-Request-Id', '\x1b[31m']] }))

  expect(reply.status).toBe(400)
})

test('generated request ids are unique', async () => {
  const ids = await Promise.all(
    Array.from({ length: 50 }, async () =>
      (await request(node.port, requestBytes({ target: '/s/1' }))).field('x-request-id'),
    ),
  )

  expect(new Set(ids).size).toBe(50)
})
