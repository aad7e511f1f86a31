import { expect, test } from 'vitest'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { connect, exchange } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { acceptOf, frameBytes, handshakeBytes, handshakeLines, sampleAccept, sampleKey } from '../kit/websocket-wire.ts'

// The opening handshake (RFC 6455 §4), byte by byte: of a client with the node, and of the node with a service.

const service = await WebSocketService.start()
const valid = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Accept: @']
/** Fields of the reply of the next service; `@` stands for the right `Sec-WebSocket-Accept`. */
let replyLines: readonly string[] = valid
let behind = Buffer.alloc(0)
const raw = await rawUpstream(async (wire) => {
  const head = await wire.until('\r\n\r\n')
  const reply = `HTTP/1.1 101 Own Words\r\n${replyLines.join('\r\n')}\r\n\r\n`.replace('@', acceptOf(head))
  await wire.send(Buffer.concat([Buffer.from(reply, 'latin1'), behind]))
  await wire.rest()
})
const entry = (url: string, id: string) => ({
  upstreams: [url],
  credentials: 'none',
  routes: [{ id, match: { path: `/${id}/**` }, require: 'public', websocket: {} }],
})
const node = await startNode({
  policy: { version: 1, services: { s: entry(service.url, 's'), raw: entry(raw.url, 'raw') } },
  settings: { log: { access: true, format: 'json' } },
})
const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

/** The lines of a valid handshake with one of them replaced; `''` removes it. */
const withLine = (name: string, line: string) =>
  handshakeLines.map((each) => (each.startsWith(`${name}:`) ? line : each)).filter((each) => each !== '')

test('the 101 reply of the gate to a WebSocket handshake has the fields of RFC 6455 and a request id, and no extension', async () => {
  const wire = await connect(node.port)
  const lines = [...handshakeLines, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-foo']
  await wire.send(handshakeBytes('/s/fields', lines))
  const head = (await wire.until('\r\n\r\n')).toString('latin1')

  expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/)
  const names = [...head.matchAll(/^([A-Za-z-]+):/gm)].map(([, name]) => name!.toLowerCase()).sort()
  expect(names).toEqual(['connection', 'date', 'sec-websocket-accept', 'upgrade', 'x-request-id'])
  expect(head).toContain(`Sec-WebSocket-Accept: ${sampleAccept}\r\n`)
  const { request } = await service.socketAt('/s/fields')
  expect(request.headers['sec-websocket-key']).not.toBe(sampleKey)
  expect(request.headers['sec-websocket-extensions']).toBeUndefined()
  wire.close()
})

test.each([
  ['lower case', withLine('Upgrade', 'upgrade: WEBSOCKET')],
  ['Connection: close, Upgrade', withLine('Connection', 'Connection: close, Upgrade')],
  ['Connection: keep-alive, Upgrade', withLine('Connection', 'Connection: keep-alive, Upgrade')],
  ['the user agent of Safari 15', [...handshakeLines, 'User-Agent: Mozilla/5.0 Version/15.1 Safari/605.1.15']],
])('a WebSocket handshake with %s opens a WebSocket that stays open', async (what, lines) => {
  const wire = await connect(node.port)
  const path = `/s/good-${what.replaceAll(/\W/g, '')}`
  await wire.send(handshakeBytes(path, lines))

  expect((await wire.until('\r\n\r\n')).toString('latin1')).toMatch(/^HTTP\/1\.1 101 /)
  const served = await service.socketAt(path)
  await wire.send(frameBytes({ opcode: 1, data: 'hello' }))
  expect((await wire.take(7)).toString('latin1')).toBe('\x81\x05hello')
  expect(served.messages).toEqual(['hello'])
  wire.close()
})

// Without UpgradeCork, the listener closes one in four of the first WebSockets of a process.
test('the first WebSocket of a new node stays open, and the listener writes no warning', async () => {
  const policy = { version: 1, services: { s: entry(service.url, 's') } }
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startNodeProcess({ policy })))
  for (const one of nodes) {
    const client = await openSocket(one.port, '/s/first')
    client.ws.send('hello')
    expect(await client.received(1)).toEqual(['hello'])
    client.ws.terminate()
    expect(one.stderr).toBe('')
    await one.kill()
  }
})

test('the second request of a client connection can open a WebSocket', async () => {
  const wire = await connect(node.port)
  await wire.send('GET /s/plain HTTP/1.1\r\nHost: api.test\r\n\r\n')
  await wire.until('over HTTP')
  await wire.send(handshakeBytes('/s/second'))

  expect((await wire.until('\r\n\r\n')).toString('latin1')).toMatch(/^HTTP\/1\.1 101 /)
  wire.close()
})

const twice = (name: string, value: string) => [...handshakeLines, `${name}: ${value}`]

test.each<[string, readonly string[], string?]>([
  ['no Connection', withLine('Connection', '')],
  ['Connection: close', withLine('Connection', 'Connection: close')],
  ['two Connection fields', ['Connection: close', ...handshakeLines]],
  ['no key', withLine('Sec-WebSocket-Key', '')],
  ['a short key', withLine('Sec-WebSocket-Key', `Sec-WebSocket-Key: ${sampleKey.slice(1)}`)],
  ['a key that is no base64', withLine('Sec-WebSocket-Key', 'Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!==')],
  ['two keys', twice('Sec-WebSocket-Key', sampleKey)],
  ['an empty key before a good one', ['Sec-WebSocket-Key: ', ...handshakeLines]],
  ['an empty body', twice('Content-Length', '0')],
  ['a chunked body', twice('Transfer-Encoding', 'chunked')],
  ['POST', handshakeLines, 'POST'],
])(
  'a WebSocket handshake with %s gets 400, and the gate reads no further request on the connection',
  async (_, lines, method = 'GET') => {
    const before = service.sockets.length
    const wire = await connect(node.port)
    await wire.send(handshakeBytes('/s/refused', lines, method))
    const reply = await readReply(wire)
    // Bytes that arrive after the end of the connection reset it, so they are sent after the reply has been read.
    await wire.send(handshakeBytes('/s/behind'))

    expect(reply).toMatchObject({ status: 400 })
    expect(reply!.json()).toMatchObject({ code: 'bad_request' })
    expect((await wire.rest()).toString('latin1')).toBe('')
    expect(service.sockets.length).toBe(before)
  },
)

test.each(['8', '14', ''])(
  'a WebSocket handshake of version "%s" gets 426 with the supported version',
  async (version) => {
    const lines = withLine('Sec-WebSocket-Version', version === '' ? '' : `Sec-WebSocket-Version: ${version}`)
    const { replies } = await exchange(node.port, handshakeBytes('/s/version', lines), { replies: 'all' })

    expect(replies).toMatchObject([{ status: 426 }])
    expect(replies[0]!.all('sec-websocket-version')).toEqual(['13'])
    expect(replies[0]!.all('upgrade')).toEqual(['websocket'])
  },
)

test('if a client sends a WebSocket frame before the 101 reply, or disconnects, the gate ends the handshake with the service', async () => {
  for (const [name, leave] of [
    ['early', (wire: Awaited<ReturnType<typeof connect>>) => wire.send(frameBytes({ opcode: 1, data: 'early' }))],
    ['gone', (wire: Awaited<ReturnType<typeof connect>>) => wire.reset()],
  ] as const) {
    const release = service.hold()
    const wire = await connect(node.port)
    await wire.send(handshakeBytes(`/s/${name}`))
    await until('the service has the handshake', () => service.held === 1)
    await leave(wire)
    expect((await recordOf(`/s/${name}`))['reason']).toBe('client-gone')
    release()
    await until('the service has the end of its connection', () => service.held === 0)
    expect(service.sockets.some(({ request }) => request.url === `/s/${name}`)).toBe(false)
  }
})

test('the fields of a 101 reply of the service to a WebSocket handshake reach the client, except hop-by-hop fields and fields reserved for the gate', async () => {
  replyLines = [...valid, 'Set-Cookie: a=1', 'Set-Cookie: gatehouse-loopback=x', 'X-Gatehouse-Node: x', 'X-Own: yes']
  behind = Buffer.from('\x81\x05first', 'latin1')
  const client = await openSocket(node.port, '/raw/fields')

  expect(client.reply.headers).toMatchObject({ 'set-cookie': ['a=1'], 'x-own': 'yes' })
  expect(client.reply.headers).not.toHaveProperty('x-gatehouse-node')
  expect(await client.received(1)).toEqual(['first'])
  client.ws.terminate()
})

test.each<[string, readonly string[]]>([
  ['a wrong Sec-WebSocket-Accept', [...valid.slice(0, 2), `Sec-WebSocket-Accept: ${sampleAccept}`]],
  ['no Sec-WebSocket-Accept', valid.slice(0, 2)],
  ['no Connection', [valid[0]!, valid[2]!]],
  ['another Upgrade', ['Upgrade: h2c', ...valid.slice(1)]],
  ['a subprotocol that was not offered', [...valid, 'Sec-WebSocket-Protocol: chat']],
  ['an extension', [...valid, 'Sec-WebSocket-Extensions: permessage-deflate']],
])('if the 101 reply of the service to a WebSocket handshake has %s, the client gets 502', async (_, lines) => {
  replyLines = lines
  behind = Buffer.alloc(0)

  const refused = await refusedSocket(node.port, '/raw/bad', { protocols: ['other'] })
  expect(refused.status).toBe(502)
})

test('the metric of open connections is correct after a WebSocket has ended', async () => {
  const open = async () => {
    const text = await (await fetch(`http://127.0.0.1:${node.adminPort}/metrics`)).text()
    return Number(/^gatehouse_connections(?:_open)?(?:\{[^}]*\})? (\d+)$/m.exec(text)?.[1])
  }
  await until('no client is connected', async () => (await open()) === 0)
  const clients = await Promise.all(Array.from({ length: 5 }, (_, i) => openSocket(node.port, `/s/count-${i}`)))
  expect(await open()).toBe(5)
  for (const { ws } of clients.slice(2)) ws.close()
  for (const { ws } of clients.slice(0, 2)) ws.terminate()

  await until('the connections have ended', async () => (await open()) === 0)
})
