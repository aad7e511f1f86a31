import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connect, exchange, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// RFC 9112 §9, connections to clients and to services: reuse, closing, and the matching of replies to requests.

const upstream = await startUpstream({
  handler: async (received, response) => {
    await received.over
    const delayMs = Number(/delay=(\d+)/.exec(received.url)?.[1] ?? 0)
    if (delayMs > 0) await sleep(delayMs)
    if (received.url.includes('sized')) response.setHeader('content-length', 400_000)
    for (let n = 0; received.url.includes('streamed') && n < 4; n++) {
      response.write('x'.repeat(100_000))
      await sleep(5)
    }
    response.end(received.url.includes('streamed') ? undefined : received.url)
  },
})
const node = await startPublicNode([upstream.url])
const get = (target: string, ...fields: (readonly [string, string])[]) => requestBytes({ target, fields })

test('the gate serves a hundred exchanges over one client connection and one service connection', async () => {
  const wire = await connect(node.port)
  for (let n = 0; n < 100; n++) {
    await wire.send(n % 3 === 2 ? requestBytes({ method: 'POST', target: `/s/${n}`, body: 'x' }) : get(`/s/${n}`))
    const reply = await readReply(wire)
    expect(reply).toMatchObject({ status: 200, text: `/s/${n}` })
    expect(reply!.field('connection')).toBeUndefined()
  }

  expect(wire.ending).toBe('open')
  expect(new Set(upstream.requests.map(({ connection }) => connection)).size).toBe(1)
})

test('the gate opens one service connection for each concurrent request, and reuses the connections for later requests', async () => {
  const round = () => Promise.all(Array.from({ length: 10 }, (_, n) => request(node.port, get(`/s/${n}?delay=100`))))
  const before = upstream.connections
  for (let n = 0; n < 3; n++) {
    expect((await round()).map(({ text }) => text)).toEqual(Array.from({ length: 10 }, (_, n) => `/s/${n}?delay=100`))
  }

  expect(upstream.connections - before).toBeLessThanOrEqual(10)
})

test.each(['', '?delay=50'])(
  'S-011: each of five pipelined requests (query "%s") gets its own reply, or none because the connection closes',
  async (query) => {
    const asked = Array.from({ length: 5 }, (_, n) => `/s/pipelined-${n}${query}`)

    const { replies, ending } = await exchange(node.port, Buffer.concat(asked.map((target) => get(target))), {
      replies: 5,
    })

    expect(replies.map(({ text }) => text)).toEqual(asked.slice(0, replies.length))
    expect(ending === 'open' ? replies.length : 5).toBe(5)
  },
)

test('S-011: after a reply that the gate sends without calling a service, a pipelined second request gets its own reply or no reply', async () => {
  const { replies } = await exchange(node.port, Buffer.concat([get('/nowhere'), get('/s/second')]), { replies: 2 })

  expect(replies[0]?.status).toBe(404)
  if (replies.length > 1) expect(replies[1]).toMatchObject({ status: 200, text: '/s/second' })
})

test.each(['close', 'Close', 'close, x-foo', 'x-foo , CLOSE', 'keep-alive, close'])(
  'the gate closes the connection after the reply to a request with Connection: %s',
  async (value) => {
    const { replies, ending } = await exchange(node.port, get('/s/1', ['Connection', value]))

    expect(replies[0]).toMatchObject({ status: 200, text: '/s/1', complete: true })
    expect(ending).toBe('ended')
  },
)

test.each(['close', 'close, x-foo'])(
  'a large reply to a request with Connection: %s is the last reply on the connection',
  async (value) => {
    for (const target of ['/s/streamed', '/s/streamed-sized']) {
      const wire = await connect(node.port)
      await wire.send(get(target, ['Connection', value]))
      const reply = await readReply(wire)

      expect(reply).toMatchObject({ status: 200, complete: true })
      expect(reply!.body.length).toBe(400_000)
      expect(reply!.field('connection')).toBe('close')
      await wire.send(get('/s/behind'))
      if (value === 'close') expect((await wire.rest()).toString('latin1')).toBe('')
      else expect(await wire.quiet(200)).toBe(true)
    }
    expect(upstream.requests.filter(({ url }) => url === '/s/behind')).toEqual([])
  },
)

test('the gate closes the connection when the second Connection field of a request is close', async () => {
  const { replies, ending } = await exchange(node.port, get('/s/1', ['Connection', 'x-foo'], ['Connection', 'close']))

  expect(replies[0]).toMatchObject({ status: 200, text: '/s/1' })
  expect(ending).toBe('ended')
})

test('the gate treats a Connection value of exactly five characters (`x-foo`) like `close`, and its reply has Connection: close', async () => {
  const { replies, ending } = await exchange(node.port, get('/s/1', ['Connection', 'x-foo']))

  expect(replies[0]!.field('connection')).toBe('close')
  expect(ending).toBe('ended')
})

test.each(['keep-alive', 'x-other', ''])('a request with Connection: %s keeps the connection open', async (value) => {
  const { replies, ending } = await exchange(node.port, [get('/s/1', ['Connection', value])])

  expect(replies[0]).toMatchObject({ status: 200 })
  expect(replies[0]!.field('connection')).toBeUndefined()
  expect(ending).toBe('open')
})

test.each(['plain', 'delay=30'])(
  'the gate closes the connection after a chunked upload (query %s), and serves no request after the upload on it',
  async (query) => {
    const upload = `POST /s/chunked?${query} HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
    const wire = await connect(node.port)
    await wire.send(upload)
    const reply = await readReply(wire)

    expect(reply).toMatchObject({ status: 200, text: `/s/chunked?${query}`, complete: true })
    expect(reply!.field('connection')).toBe('close')
    await wire.send(get('/s/behind'))
    expect((await wire.rest()).toString('latin1')).toBe('')
    expect(upstream.requests.filter(({ url }) => url === '/s/behind')).toEqual([])
  },
)

const smuggled = get('/s/smuggled').toString('latin1')
const rejected = (framing: string) => `POST /nowhere HTTP/1.1\r\nHost: api.test\r\n${framing}\r\n\r\n`

test('S-010: when the gate rejects a chunked upload before its end, it reads no part of the upload as a request', async () => {
  const body = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
  const { replies, ending } = await exchange(node.port, rejected('Transfer-Encoding: chunked') + body, {
    replies: 'all',
  })

  expect(replies.map(({ status }) => status)).toEqual([404])
  expect(replies[0]!.field('connection')).toBe('close')
  expect(ending).not.toBe('open')
  expect(upstream.requests.filter(({ url }) => url.includes('smuggled'))).toEqual([])
})

test('S-010: when the gate rejects a Content-Length upload before its end, it reads no part of the upload as a request, and the connection serves the next request', async () => {
  const wire = await connect(node.port)
  await wire.send(rejected(`Content-Length: ${smuggled.length}`) + smuggled)
  expect((await readReply(wire))?.status).toBe(404)
  await wire.send(get('/s/after'))

  expect((await readReply(wire))?.text).toBe('/s/after')
  expect(upstream.requests.filter(({ url }) => url.includes('smuggled'))).toEqual([])
  wire.close()
})

test.each([
  {
    title: 'Upgrade: h2c',
    fields: [
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['Upgrade', 'h2c'],
      ['HTTP2-Settings', 'AAMAAABk'],
    ],
  },
  { title: 'Connection: Upgrade alone', fields: [['Connection', 'Upgrade']] },
  { title: 'Upgrade: TLS/1.2 without Connection', fields: [['Upgrade', 'TLS/1.2']] },
] as const)('S-016: the gate serves a request with $title as HTTP/1.1 and forwards no upgrade', async ({ fields }) => {
  const target = `/s/upgrade/${randomUUID()}`
  const reply = await request(node.port, get(target, ...fields))

  expect(reply).toMatchObject({ status: 200, text: target })
  const received = upstream.requests.find(({ url }) => url === target)!
  for (const name of ['upgrade', 'http2-settings']) expect(received.all(name)).toEqual([])
  expect(received.all('connection')).toEqual(['keep-alive'])
})

const handshake = [
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
  ['Sec-WebSocket-Version', '13'],
] as const

test('S-017: on a route that does not allow WebSocket, the gate replies 501 to a WebSocket handshake and opens no tunnel', async () => {
  const bytes = get('/s/ws', ['Connection', 'Upgrade'], ['Upgrade', 'websocket'], ...handshake)

  const wire = await connect(node.port)
  await wire.send(bytes)
  const reply = await readReply(wire)

  expect(reply?.status).toBe(501)
  expect(reply?.json()).toMatchObject({ code: 'upgrade_not_supported' })
  await wire.send(get('/s/through-the-tunnel'))
  expect((await wire.rest()).toString('latin1')).toBe('')
  expect(upstream.requests.filter(({ url }) => /^\/s\/(ws|through)/.test(url))).toEqual([])
})

test('S-017: the gate serves a request with Sec-WebSocket-Key but without Upgrade as an ordinary request', async () => {
  const reply = await request(node.port, get('/s/no-ws', ...handshake))

  expect(reply).toMatchObject({ status: 200, text: '/s/no-ws' })
})
