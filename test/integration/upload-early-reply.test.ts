import { connect as connectSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { within } from '../kit/deadline.ts'
import { startNode } from '../kit/node.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { Wire } from '../kit/wire.ts'
import { publicPolicy } from './data-plane-node.ts'
import { type Framing, framingFields } from './paced-body.ts'

// A service is allowed to reply before it has read the request body (RFC 9112 §9.3). The client gets that reply while
// it still sends, with `Connection: close`. No part of the remaining body is parsed as a request.

const small = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'
const replies: Record<string, string | string[]> = {
  small,
  empty: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
  none: 'HTTP/1.1 204 No Content\r\n\r\n',
  pieces: ['HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nn', 'o'],
  chunked: ['HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nn\r\n', '1\r\no\r\n', '0\r\n\r\n'],
}
/**
 * Service that replies before it reads the body, and then closes the connection or reads the body. After a complete body
 * it serves the next request: if the gate has sent the whole upload before it reads the reply, the gate reuses the
 * connection.
 */
const upstream = await rawUpstream(async (wire) => {
  while (await wire.some(60_000)) {
    const head = (await wire.until('\r\n\r\n')).toString('latin1')
    const [, name = '', then = ''] = /^\S+ \/s\/(\w+)\?(?:\w+-)?(\w+)/.exec(head) ?? []
    await wire.send(replies[name] ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 10)
    if (then === 'closes') return
    const [, length] = /^content-length: (\d+)/im.exec(head) ?? []
    if (length !== undefined) await wire.take(Number(length), 60_000)
    else if (/^transfer-encoding: chunked/im.test(head)) await wire.until('\r\n0\r\n\r\n', 60_000)
  }
})
/** Service that starts its reply before the request body is complete, and ends the reply after the body. */
const echo = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await wire.send('HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n')
  await wire.until('the end')
  await wire.send('4\r\nover\r\n0\r\n\r\n')
  await wire.rest(60_000)
})
const node = await startNode({
  policy: publicPolicy({
    s: { upstreams: [upstream.url], route: { body: { max: 'none' } } },
    echo: { upstreams: [echo.url] },
  }),
})

const framings: Framing[] = ['length', 'chunked']
const piece = { length: 'x'.repeat(1000), chunked: `3e8\r\n${'x'.repeat(1000)}\r\n` }

test.concurrent.each(
  Object.keys(replies).flatMap((name) =>
    framings.flatMap((framing) => ['reads', 'closes'].map((then) => ({ name, framing, then }))),
  ),
)(
  'an early reply "$name" to an upload (framing: $framing) reaches the client if the service then $then, and the gate reads no request from the rest of the upload',
  async ({ name, framing, then }) => {
    const target = `/s/${name}?${framing}-${then}`
    const wire = await connect(node.port)
    await wire.send(
      `POST ${target} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, 1_000_000)}\r\n${piece[framing]}`,
    )

    const reply = await readReply(wire)
    expect(reply).toMatchObject({ status: name === 'none' ? 204 : 403, complete: true })
    expect(reply!.text).toBe(name === 'none' || name === 'empty' ? '' : 'no')
    expect(reply!.field('connection')).toBe('close')

    // The client still sends: the gate must not parse these bytes as a request.
    const smuggled = requestBytes({ target: '/s/smuggled' })
    for (let n = 0; n < 5; n++) {
      await wire.send(framing === 'chunked' ? Buffer.concat([Buffer.from('0\r\n\r\n'), smuggled]) : smuggled)
      await sleep(5)
    }
    const record = await node.waitForRecord((record) => record['id'] === reply!.field('x-request-id'))
    expect(record).toMatchObject({ decision: 'admitted', attempts: 1 })
    expect(upstream.received.some((bytes) => bytes.includes('GET /s/smuggled'))).toBe(false)
    wire.close()
  },
)

test.concurrent.each(framings)(
  'if the service starts its reply early and continues to read, the upload (framing: %s) and the reply are complete',
  async (framing) => {
    const path = `/echo/${framing}`
    const wire = await connect(node.port)
    await wire.send(`POST ${path} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, 1007)}\r\n${piece[framing]}`)
    await wire.until('begun')
    await wire.send(framing === 'length' ? 'the end' : '7\r\nthe end\r\n0\r\n\r\n')

    expect((await wire.until('0\r\n\r\n')).toString('latin1')).toContain('over')
    const record = await node.waitForRecord((each) => each['path'] === path)
    expect(record).toMatchObject({ decision: 'admitted', bytes_in: 1007, bytes_out: 9 })
  },
)

test.each(Object.keys(replies))(
  'a client that reads only after it has sent its whole upload gets the early reply "%s"',
  async (name) => {
    const bytes = 30_000_000
    const socket = connectSocket({ port: node.port, host: '127.0.0.1' })
    socket.write(`POST /s/${name}?blocking-reads HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${bytes}\r\n\r\n`)
    // The upload is larger than the socket buffers of the kernel, so the client can complete it only if the gate
    // reads.
    await within(60_000, 'the upload to be taken', new Promise((taken) => socket.write(Buffer.alloc(bytes), taken)))

    const reply = await readReply(new Wire(socket))
    expect(reply).toMatchObject({ status: name === 'none' ? 204 : 403, complete: true })
    socket.destroy()
  },
)

test('the gate serves another request after early replies of a service', async () => {
  expect((await request(node.port, requestBytes({ target: '/s/other' }))).text).toBe('ok')
})
