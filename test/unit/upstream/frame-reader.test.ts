import { createRequire } from 'node:module'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { clientCloseFrame, clientFrame } from '../../../gateway/upstream/websocket/client-frame.ts'
import { closeReason, isSendableCode } from '../../../gateway/upstream/websocket/close-code.ts'
import { FrameError, FrameReader } from '../../../gateway/upstream/websocket/frame-reader.ts'
import { Opcode } from '../../../gateway/upstream/websocket/opcode.ts'

// The frame codec against the `ws` package, as an independent implementation of RFC 6455.

/** One event of a parser: a message, a ping, a close frame, or an error with its close code. */
type Event =
  | readonly [kind: 'text' | 'binary' | 'ping', hex: string]
  | readonly ['close' | 'error', code: number, hex?: string]

const MAX_BYTES = 4096

function ownEvents(chunks: readonly Buffer[]): Event[] {
  const events: Event[] = []
  const reader = new FrameReader(
    {
      onMessage: (data, binary) => events.push([binary ? 'binary' : 'text', data.toString('hex')]),
      onPing: (data) => events.push(['ping', data.toString('hex')]),
      onClose: (code, reason) => events.push(['close', code, reason.toString('hex')]),
    },
    MAX_BYTES,
  )
  try {
    for (const chunk of chunks) reader.read(chunk, 0, chunk.length)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    events.push(['error', error.closeCode])
  }
  return events
}

interface WsReceiver extends NodeJS.EventEmitter {
  write(chunk: Buffer): boolean
}

// The types of `ws` do not declare its parser.
const { Receiver } = createRequire(import.meta.url)('ws') as unknown as {
  Receiver: new (options: object) => WsReceiver
}

async function wsEvents(chunks: readonly Buffer[], isServer = false, maxPayload = MAX_BYTES): Promise<Event[]> {
  const events: Event[] = []
  const receiver = new Receiver({ isServer, maxPayload })
  let over = false
  receiver.on('message', (data: Buffer, binary: boolean) =>
    events.push([binary ? 'binary' : 'text', data.toString('hex')]),
  )
  receiver.on('ping', (data: Buffer) => events.push(['ping', data.toString('hex')]))
  receiver.on('conclude', (code: number, reason: Buffer) => {
    over = true
    events.push(['close', code, reason.toString('hex')])
  })
  receiver.on('error', (error: object) => {
    over = true
    const [status] = Object.getOwnPropertySymbols(error).filter((each) => each.description === 'status-code')
    events.push(['error', (error as Record<symbol, number>)[status!]!])
  })
  // The parser keeps references to its chunks and masks them in place.
  for (const chunk of chunks) if (!over) receiver.write(Buffer.from(chunk))
  // `ws` reports an error in a later turn of the event loop.
  await turn()
  return events
}

/** A WebSocket frame as a server sends it, unless `flags` make the frame invalid. */
function serverFrame(opcode: number, data: Uint8Array, { final = true, reserved = 0, lengthBytes = -1 } = {}): Buffer {
  const { length } = data
  const size = lengthBytes >= 0 ? lengthBytes : length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + size)
  head[0] = (final ? 0x80 : 0) | reserved | opcode
  head[1] = size === 0 ? length : size === 2 ? 126 : 127
  if (size === 2) head.writeUInt16BE(length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, data])
}

const bytes = (...values: number[]) => Buffer.from(values)
const text = Buffer.from('ab')

test.each<[string, Buffer, number]>([
  ['a masked frame', bytes(0x81, 0x82, 1, 2, 3, 4, 5, 6), 1002],
  ['reserved bit 1', serverFrame(Opcode.text, text, { reserved: 0x40 }), 1002],
  ['reserved bit 3', serverFrame(Opcode.text, text, { reserved: 0x10 }), 1002],
  ['the reserved opcode 3', serverFrame(3, text), 1002],
  ['the reserved opcode 11', serverFrame(11, text), 1002],
  ['a continuation frame without a message', serverFrame(Opcode.continuation, text), 1002],
  [
    'a text frame inside a fragmented message',
    Buffer.concat([serverFrame(Opcode.text, text, { final: false }), serverFrame(Opcode.text, text)]),
    1002,
  ],
  [
    'a binary frame inside a fragmented message after a ping',
    Buffer.concat([
      serverFrame(Opcode.text, text, { final: false }),
      serverFrame(Opcode.ping, text),
      serverFrame(Opcode.binary, text),
    ]),
    1002,
  ],
  ['a fragmented ping', serverFrame(Opcode.ping, text, { final: false }), 1002],
  ['a ping of 126 bytes', serverFrame(Opcode.ping, Buffer.alloc(126)), 1002],
  ['a close frame of 1 byte', serverFrame(Opcode.close, bytes(3)), 1002],
  ['the close code 1005', serverFrame(Opcode.close, bytes(0x03, 0xed)), 1002],
  ['the close code 1015', serverFrame(Opcode.close, bytes(0x03, 0xf7)), 1002],
  ['the close code 2999', serverFrame(Opcode.close, bytes(0x0b, 0xb7)), 1002],
  ['a close reason that is not UTF-8', serverFrame(Opcode.close, bytes(0x03, 0xe8, 0xff)), 1007],
  ['a text message that is not UTF-8', serverFrame(Opcode.text, bytes(0xc3, 0x28)), 1007],
  ['a text message with a surrogate', serverFrame(Opcode.text, bytes(0xed, 0xa0, 0x80)), 1007],
  ['a message above the maximum size', serverFrame(Opcode.binary, Buffer.alloc(MAX_BYTES + 1)), 1009],
  [
    'fragments above the maximum size together',
    Buffer.concat([
      serverFrame(Opcode.binary, Buffer.alloc(MAX_BYTES), { final: false }),
      serverFrame(Opcode.continuation, Buffer.alloc(1)),
    ]),
    1009,
  ],
  ['a length of 2^63', bytes(0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0), 1009],
])(
  'the WebSocket frame reader and the npm package ws both fail a connection that receives %s',
  async (_, frames, code) => {
    expect(ownEvents([frames]).at(-1)).toEqual(['error', code])
    expect((await wsEvents([frames])).at(-1)).toEqual(['error', code])
  },
)

test.each([1000, 1001, 1003, 1007, 1011, 1014, 3000, 4401, 4999])(
  'the WebSocket frame reader accepts the close code %d',
  (code) => {
    const data = Buffer.alloc(2)
    data.writeUInt16BE(code)
    expect(ownEvents([serverFrame(Opcode.close, data)])).toEqual([['close', code, '']])
  },
)

test('the WebSocket frame reader joins the fragments of a message with a ping between them, received byte by byte', () => {
  const frames = Buffer.concat([
    serverFrame(Opcode.text, Buffer.from('grü')),
    serverFrame(Opcode.text, Buffer.from([0xc3]), { final: false }),
    serverFrame(Opcode.ping, Buffer.from('p')),
    serverFrame(Opcode.continuation, Buffer.alloc(0), { final: false }),
    serverFrame(Opcode.continuation, Buffer.from([0xbc])),
    serverFrame(Opcode.binary, Buffer.alloc(0)),
    serverFrame(Opcode.close, Buffer.alloc(0)),
    serverFrame(Opcode.text, Buffer.from('ignored')),
  ])
  const hex = (value: string) => Buffer.from(value).toString('hex')
  expect(ownEvents([...frames].map((byte) => bytes(byte)))).toEqual([
    ['text', hex('grü')],
    ['ping', hex('p')],
    ['text', hex('ü')],
    ['binary', ''],
    ['close', 1005, ''],
  ])
})

/** Number of random streams. The long run is `FRAME_STREAMS=50000`. */
const streams = Number(process.env.FRAME_STREAMS ?? 4000)

test(`the WebSocket frame reader and the npm package ws report the same events for ${streams} random streams of frames`, async () => {
  for (let seed = 1; seed <= streams; seed++) {
    const random = generator(seed)
    const chunks = split(mutated(randomFrames(random), random), random)
    expect(ownEvents(chunks), `seed ${seed}`).toEqual(await wsEvents(chunks))
  }
})

/** Deterministic random integers below a bound (xorshift32). */
function generator(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function randomFrames(random: (below: number) => number): Buffer {
  const frames: Buffer[] = []
  let open = false
  const count = 1 + random(8)
  for (let i = 0; i < count; i++) {
    const kind = random(10)
    if (kind === 0) frames.push(serverFrame(Opcode.ping + random(2), Buffer.alloc(random(126), 0x70)))
    else if (kind === 1 && i === count - 1) {
      frames.push(
        serverFrame(Opcode.close, Buffer.concat([bytes(0x03, 0xe8 + random(20)), Buffer.alloc(random(20), 0x72)])),
      )
    } else {
      const final = random(3) > 0
      const size = random(5) === 0 ? random(2 * MAX_BYTES) : random(200)
      const opcode = open ? Opcode.continuation : 1 + random(2)
      frames.push(
        serverFrame(opcode, Buffer.alloc(size, 'aü'), { final, lengthBytes: size < 126 && random(9) > 0 ? -1 : 8 }),
      )
      open = !final
    }
  }
  return Buffer.concat(frames)
}

/** Changes up to three bytes, and in some streams removes or repeats a part. */
function mutated(frames: Buffer, random: (below: number) => number): Buffer {
  let changed = Buffer.from(frames)
  for (let i = random(4); i > 0; i--)
    changed[random(random(2) === 0 ? Math.min(12, changed.length) : changed.length)] = random(256)
  if (random(8) === 0) {
    const at = random(changed.length)
    const rest = changed.subarray(at + random(2) * random(10))
    changed = Buffer.concat([changed.subarray(0, at), rest])
  }
  return changed
}

function split(whole: Buffer, random: (below: number) => number): Buffer[] {
  const chunks: Buffer[] = []
  const longest = [1, 3, 100, 70_000][random(4)]!
  for (let at = 0; at < whole.length; ) {
    const end = at + 1 + random(longest)
    chunks.push(whole.subarray(at, end))
    at = end
  }
  return chunks
}

test.each([0, 1, 47, 48, 49, 125, 126, 127, 1000, 65_535, 65_536, 70_001, 1 << 20])(
  'the npm package ws, as a server, reads a masked frame of the gate with %d bytes of data',
  async (length) => {
    const random = generator(length + 1)
    const data = Buffer.from(Array.from({ length: Math.min(length, 5000) }, () => random(256)))
    const message = Buffer.alloc(length, data.length === 0 ? undefined : data)
    const events = await wsEvents([clientFrame(Opcode.binary, message)], true, 1 << 20)
    expect(events).toEqual([['binary', message.toString('hex')]])
  },
)

test('each WebSocket frame that the gate sends has a new mask', () => {
  const seen = new Set(Array.from({ length: 3000 }, () => clientFrame(Opcode.text, text).toString('hex', 2, 6)))
  expect(seen.size).toBeGreaterThan(2990)
})

test('a WebSocket close frame of the gate contains the code and at most 123 bytes of the reason, cut between two characters', async () => {
  expect(await wsEvents([clientCloseFrame(4401, `${'x'.repeat(122)}ü`)], true)).toEqual([
    ['close', 4401, Buffer.from('x'.repeat(122)).toString('hex')],
  ])
  expect(await wsEvents([clientCloseFrame()], true)).toEqual([['close', 1005, '']])
  expect(closeReason('ü'.repeat(62)).toString()).toBe('ü'.repeat(61))
  expect([999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].filter(isSendableCode)).toEqual([])
})
