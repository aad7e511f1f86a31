import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { within } from '../../kit/deadline.ts'
import { freePort, freePorts, listen } from '../../kit/ports.ts'
import { connect, exchange, request, requestBytes } from '../../kit/raw-client.ts'
import { readReply } from '../../kit/raw-reply.ts'
import { rawUpstream } from '../../kit/raw-upstream.ts'
import { startUpstream } from '../../kit/upstream.ts'
import type { Wire } from '../../kit/wire.ts'

// The raw client of the tests sends any bytes, parses replies strictly (RFC 9112), reports how a connection ended, and
// stops with an error at a deadline.

const get = requestBytes({ target: '/' })

async function reply(wire: Wire, bytes: string): Promise<void> {
  await wire.until('\r\n\r\n')
  await wire.send(bytes)
}

/**
 * Starts an upstream that sends this reply to the first request of a connection and closes the connection. @returns its
 * port
 */
async function answering(bytes: string): Promise<number> {
  return (await rawUpstream((wire) => reply(wire, bytes))).port
}

test.each([
  { framing: 'length', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' },
  { framing: 'chunked', bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n' },
  { framing: 'close', bytes: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok' },
  { framing: 'none', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', body: '' },
  { framing: 'none', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n', head: true, body: '' },
])(
  'the raw client reads the body of a reply with the framing $framing: $bytes',
  async ({ framing, bytes, head = false, body = 'ok' }) => {
    const result = await request(await answering(bytes), get, { head })

    expect(result).toMatchObject({ framing, complete: true, reason: bytes.slice(13, bytes.indexOf('\r')) })
    expect(result.text).toBe(body)
  },
)

test.each([
  { sign: 'fewer bytes than Content-Length', bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok' },
  { sign: 'an incomplete chunk', bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok' },
  { sign: 'no last chunk', bytes: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n' },
])('the raw client reports a truncated reply body; sign of the truncation: $sign', async ({ bytes }) => {
  const result = await request(await answering(bytes), get)

  expect(result.complete).toBe(false)
  expect(result.text).toBe('ok')
})

test.each([
  ['framed twice', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['framed twice', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n'],
  ['Content-Length: +1', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx'],
  ['Transfer-Encoding: gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx'],
  ['not a status line', 'HTTP/2 200\r\n\r\n'],
  ['not a field line', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n'],
  ['not a field line', 'HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n'],
  ['not a chunk size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n'],
  ['no line end after a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nokay'],
  ['broke off in its head', 'HTTP/1.1 200 OK\r\nA: b\r\n'],
  ['no reply', ''],
  ['after the last reply came "x"', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nx'],
])('the raw client rejects an invalid reply: %s', async (message, bytes) => {
  await expect(request(await answering(bytes), get)).rejects.toThrow(message)
})

test('the raw client records interim replies (1xx) and reads the final reply', async () => {
  const port = await answering('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')

  expect(await request(port, get)).toMatchObject({ status: 200, interim: [100] })
})

test('the raw client preserves order, names and Latin-1 values of header fields, and throws when a single value of a repeated field is requested', async () => {
  const result = await request(await answering('HTTP/1.1 204 \r\nA: 1\r\na:2 \r\nb: \xe9\r\n\r\n'), get)

  expect(result.fields).toEqual([
    ['A', '1'],
    ['a', '2'],
    ['b', '\xe9'],
  ])
  expect(result.all('A')).toEqual(['1', '2'])
  expect(() => result.field('a')).toThrow('2 fields')
  expect(result.field('c')).toBeUndefined()
})

test('the raw client reads all replies until the connection ends', async () => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

  expect(await exchange(await answering(ok + ok + ok), get, { replies: 'all' })).toMatchObject({
    replies: [{ status: 200 }, { status: 200 }, { status: 200 }],
    ending: 'ended',
  })
})

test('the raw client keeps a connection open as long as the peer does', async () => {
  const upstream = await rawUpstream('HTTP/1.1 204 \r\n\r\n')

  expect(await exchange(upstream.port, get)).toMatchObject({ replies: [{ status: 204 }], ending: 'open' })
})

test('the raw client sends bytes unchanged, in one piece or in several', async () => {
  const upstream = await rawUpstream((wire) => reply(wire, 'HTTP/1.1 204 \r\n\r\n'))

  await exchange(upstream.port, ['\x80', Buffer.from([0, 0xff, 0x0d]), '\n\r\n\r\n'])

  expect(upstream.received).toEqual([Buffer.from('\x80\x00\xff\r\n\r\n\r\n', 'latin1')])
})

test('requestBytes of the test kit builds well-formed requests', async () => {
  const upstream = await startUpstream()

  await request(
    upstream.port,
    requestBytes({ method: 'PUT', target: '/x', token: 'abc', fields: [['A', 'b']], body: 'ü' }),
  )
  const received = await upstream.next()

  expect(received).toMatchObject({ method: 'PUT', url: '/x', bodyBytes: 2 })
  expect(received.fields).toEqual([
    ['Host', 'api.test'],
    ['Authorization', 'Bearer abc'],
    ['A', 'b'],
    ['Content-Length', '2'],
  ])
})

test('a raw client that reaches its deadline throws an error with the bytes received so far', async () => {
  const upstream = await rawUpstream(async (wire) => {
    await wire.send('HTTP/1.1 ')
    await wire.rest()
  })

  await expect(exchange(upstream.port, get, { limitMs: 2000 })).rejects.toThrow('so far came "HTTP/1.1 "')
})

test('the raw client reads the bytes that arrived before a connection reset', async () => {
  const upstream = await rawUpstream(async (wire) => {
    await reply(wire, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok')
    await wire.until('now')
    wire.reset()
  })
  const wire = await connect(upstream.port)
  await wire.send(get)
  const reading = readReply(wire)
  await wire.send('now')

  expect(await reading).toMatchObject({ status: 200, complete: false, body: Buffer.from('ok') })
  expect(wire.ending).toBe('reset')
})

test('a raw client that reads nothing causes backpressure at the sender', async () => {
  const total = 64 * 1024 * 1024
  const server = createServer()
  const accepted = once(server, 'connection')
  const wire = await connect(await listen(server))
  const [socket] = await accepted
  socket.end(Buffer.alloc(total))

  await wire.take(1)
  await sleep(50)
  const waitingBytes = socket.writableLength
  const rest = await wire.rest()

  expect(waitingBytes).toBeGreaterThan(0)
  expect(rest).toHaveLength(total - 1)
  server.close()
})

test('the raw client distinguishes a silent peer from the end of the connection', async () => {
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
  })
  const wire = await connect(upstream.port)

  expect(await wire.quiet(30)).toBe(true)
  await wire.send(get)
  expect(await wire.quiet(30_000)).toBe(false)
  expect(wire.ending).toBe('ended')
})

test('the free ports that the test kit returns differ, and a server can listen on the first', async () => {
  const ports = freePorts(20)
  const server = createServer()

  expect(new Set(ports).size).toBe(20)
  expect(await listen(server, ports[0])).toBe(ports[0])
  server.close()
})

test('no server listens on a port that `freePort` of the test kit returns', async () => {
  await expect(connect(freePort())).rejects.toThrow('ECONNREFUSED')
})

test('the deadline helper `within` returns a result in time, and otherwise throws an error that names the missing result', async () => {
  expect(await within(1000, 'it', Promise.resolve(1))).toBe(1)
  await expect(within(10, () => 'Godot', new Promise(() => {}))).rejects.toThrow('waited 10 ms for Godot')
})
