import { expect, test } from 'vitest'
import { startNodeProcess } from '../kit/node.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'
import { acceptOf, frameBytes, openWire, readFrame } from '../kit/websocket-wire.ts'
import { residentMiB } from './data-plane-node.ts'

// Frames that RFC 6455 allows or forbids, byte by byte: what the other side receives, and how both sides end.

const service = await WebSocketService.start({ echo: false })
let served: Buffer = Buffer.alloc(0)
const raw = await rawUpstream(async (wire) => {
  const head = await wire.until('\r\n\r\n')
  const lines = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${acceptOf(head)}`]
  await wire.send(Buffer.concat([Buffer.from(`HTTP/1.1 101 Ok\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), served]))
  await wire.rest()
})
const entry = (url: string, id: string) => ({
  upstreams: [url],
  credentials: 'none',
  routes: [{ id, match: { path: `/${id}/**` }, require: 'public', websocket: {} }],
})
const node = await startNodeProcess({
  policy: { version: 1, services: { s: entry(service.url, 's'), raw: entry(raw.url, 'raw') } },
  settings: { log: { access: true, format: 'json' }, streams: { max_message: '64KiB' } },
})
const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path)

const text = (data: string, more: object = {}) => frameBytes({ opcode: 1, data, ...more })
const part = (data: string, final = false) => frameBytes({ opcode: 0, data, final })
const ping = (data = '') => frameBytes({ opcode: 9, data })
const closeWith = (code: number, reason: string | Buffer = '') => {
  const data = Buffer.alloc(2)
  data.writeUInt16BE(code)
  return frameBytes({ opcode: 8, data: Buffer.concat([data, Buffer.from(reason)]) })
}

let names = 0
async function open() {
  const path = `/s/${++names}`
  const wire = await openWire(node.port, path)
  return { wire, path, socket: await service.socketAt(path) }
}

test.each<[string, Buffer[], (string | Buffer)[]]>([
  [
    'fragments with a ping between them',
    [text('ab', { final: false }), ping('x'), part('cd'), part('ef', true)],
    ['abcdef'],
  ],
  ['an empty message', [text('')], ['']],
  ['a length in more bytes than it needs', [frameBytes({ opcode: 1, data: 'ab', announced: 2n })], ['ab']],
  ['the largest message', [frameBytes({ opcode: 2, data: Buffer.alloc(65_536, 1) })], [Buffer.alloc(65_536, 1)]],
  [
    '200 fragments of one byte',
    [text('a', { final: false }), ...Array.from({ length: 199 }, (_, i) => part('a', i === 198))],
    ['a'.repeat(200)],
  ],
])('the service of a WebSocket receives %s as one message', async (_, frames, wanted) => {
  const { wire, socket } = await open()
  await wire.send(Buffer.concat(frames))

  expect(await socket.received(wanted.length)).toEqual(wanted)
  if (frames.length === 4) expect(await readFrame(wire)).toEqual({ opcode: 10, data: Buffer.from('x') })
  wire.close()
})

test('if a binary frame is inside a fragmented text message, the service gets the WebSocket messages as the listener (uWebSockets.js) reads them', async () => {
  const { wire, socket } = await open()
  await wire.send(
    Buffer.concat([text('ab', { final: false }), frameBytes({ opcode: 2, data: 'XY' }), part('ef', true)]),
  )

  expect(await socket.received(2)).toEqual([Buffer.from('abXY'), 'ef'])
  wire.close()
})

test.each<[string, Buffer]>([
  ['a new text inside a fragmented message', Buffer.concat([text('a', { final: false }), text('b')])],
  ['a continuation without a message', part('a', true)],
  ['RSV1', text('a', { reserved: 0x40 })],
  ['RSV2', text('a', { reserved: 0x20 })],
  ['RSV3', text('a', { reserved: 0x10 })],
  ['opcode 3', frameBytes({ opcode: 3, data: 'a' })],
  ['opcode 11', frameBytes({ opcode: 11, data: 'a' })],
  ['a fragmented ping', frameBytes({ opcode: 9, data: 'a', final: false })],
  ['a ping of 126 bytes', ping('a'.repeat(126))],
  ['text that is not UTF-8', frameBytes({ opcode: 1, data: Buffer.from([0xc3, 0x28]) })],
  ['a surrogate in UTF-8', frameBytes({ opcode: 1, data: Buffer.from([0xed, 0xa0, 0x80]) })],
  ['a message above the limit', frameBytes({ opcode: 2, data: Buffer.alloc(65_537) })],
  [
    'fragments above the limit',
    Buffer.concat([
      frameBytes({ opcode: 2, data: Buffer.alloc(65_000), final: false }),
      frameBytes({ opcode: 0, data: Buffer.alloc(537) }),
    ]),
  ],
  ['a length above 2^32', frameBytes({ opcode: 1, data: 'abcde', announced: 2n ** 32n + 5n })],
  ['a length of 2^63', frameBytes({ opcode: 1, data: 'abcde', announced: 2n ** 63n })],
])('a WebSocket ends when its client sends %s, and the service gets nothing of the frame', async (_, bytes) => {
  const { wire, socket, path } = await open()
  await wire.send(bytes)

  expect((await wire.rest()).length).toBe(0)
  expect((await socket.ended())[0]).toBe(1006)
  expect(socket.messages).toEqual([])
  expect(await recordOf(path)).toMatchObject({ reason: 'client-gone', close_code: 1006 })
})

test('a client cannot choose the bytes that the service gets from an unmasked WebSocket frame', async () => {
  const { wire, socket } = await open()
  await wire.send(Buffer.concat([text('12345678', { masked: false }), text('next'), text('next')]))
  wire.finish()

  await socket.ended()
  expect(socket.messages).not.toContain('12345678')
})

test.each<[string, Buffer, number]>([
  ['no code', frameBytes({ opcode: 8 }), 1005],
  ['half a code', frameBytes({ opcode: 8, data: 'a' }), 1005],
  ...[1000, 1003, 1007, 1011, 4000, 4999].map((code): [string, Buffer, number] => [`${code}`, closeWith(code), code]),
  ...[0, 999, 1004, 1005, 1006, 1012, 1015, 2999, 3000, 3999, 5000, 65_535].map((code): [string, Buffer, number] => [
    `${code}`,
    closeWith(code),
    1005,
  ]),
  ['a reason that is not UTF-8', closeWith(1000, Buffer.from([0xc3, 0x28])), 1005],
])(
  'a WebSocket close frame with %s reaches the service as a valid close frame of RFC 6455',
  async (_, bytes, wanted) => {
    const { wire, socket, path } = await open()
    await wire.send(Buffer.concat([text('before'), bytes]))

    expect((await socket.ended())[0]).toBe(wanted)
    expect(socket.messages).toEqual(['before'])
    expect((await readFrame(wire))?.opcode).toBe(8)
    expect((await wire.rest()).length).toBe(0)
    expect(await recordOf(path)).toMatchObject({ reason: 'admitted', close_code: wanted })
  },
)

test.each(['finish', 'reset'] as const)(
  'when the connection of a WebSocket client ends by %s, the gate ends the connection to the service without a close frame',
  async (how) => {
    const { wire, socket, path } = await open()
    await wire.send(text('last'))
    await socket.received(1)
    wire[how]()

    expect((await socket.ended())[0]).toBe(1006)
    expect((await recordOf(path))['reason']).toBe('client-gone')
  },
)

test.each<[string, Buffer, number]>([
  ['a masked frame', text('a'), 1002],
  ['a reserved opcode', Buffer.from([0x83, 0]), 1002],
  ['text that is not UTF-8', Buffer.from([0x81, 2, 0xc3, 0x28]), 1007],
  ['a message above the limit', Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 1]), 1009],
  ['the close code 1006', Buffer.from([0x88, 2, 0x03, 0xee]), 1002],
])('a WebSocket ends when its service sends %s, and the client gets the close code 1011', async (_, bytes, code) => {
  served = Buffer.concat([Buffer.from('\x81\x02ok', 'latin1'), bytes])
  const connections = raw.received.length
  const client = await openSocket(node.port, `/raw/${++names}`)

  expect(await client.ended()).toEqual([1011, 'the connection to the service was lost'])
  expect(client.messages).toEqual(['ok'])
  expect(await recordOf(`/raw/${names}`)).toMatchObject({ reason: 'reply-broken', status: 101 })
  await expect.poll(() => closeCodeIn(raw.received[connections]!)).toBe(code)
})

/** Code of the masked close frame behind a request head. */
function closeCodeIn(received: Buffer): number | undefined {
  const at = received.indexOf('\r\n\r\n') + 4
  const frame = received.subarray(at)
  if (frame.length < 8 || frame[0] !== 0x88) return undefined
  return ((frame[6]! ^ frame[2]!) << 8) | (frame[7]! ^ frame[3]!)
}

test('a WebSocket client that sends pings and does not read the pongs uses bounded memory of the node, and other clients are served', async () => {
  const { wire } = await open()
  const before = residentMiB(node)
  const many = Buffer.concat(Array.from({ length: 1000 }, () => ping('x'.repeat(125))))
  for (let i = 0; i < 300; i++) await wire.send(many, 0)
  const other = await open()
  await other.wire.send(text('hello'))

  expect(await other.socket.received(1)).toEqual(['hello'])
  expect(residentMiB(node) - before).toBeLessThan(64)
  wire.close()
  other.wire.close()
})
