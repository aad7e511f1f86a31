import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { BLOCK_BYTES } from '../../../gateway/base/blocks.ts'
import { FrameBatch } from '../../../gateway/upstream/websocket/frame-batch.ts'
import { Opcode } from '../../../gateway/upstream/websocket/opcode.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { tlsInFrontOf } from '../../kit/tls-relay.ts'
import { until } from '../../kit/until.ts'
import { type UpgradeLog, upgrade, wsService } from './upgrade-log.ts'

// Frames of all WebSockets are written from one memory block that is used again: no service may ever receive bytes of
// another frame, however late its socket sends.

/** Lengths around the limits of the frame head and of the block. */
const LENGTHS = [0, 1, 31, 32, 33, 125, 126, 127, 1000, 16_384, 65_522, 65_523, 65_535, 65_536, 100_000]

/** A message that differs from every other message in each of its words. */
function message(socket: number, number: number, length: number): Buffer {
  const data = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) data[i] = socket * 101 + number * 31 + i * 7 + (i >>> 8)
  return data
}

/** A service that compares each message with the expected one, and closes the WebSocket when it differs. */
class ComparingService {
  readonly sockets: WebSocket[] = []
  /** Lengths of the messages that each WebSocket must receive next. */
  readonly expected: number[][] = []
  readonly received: number[] = []
  readonly wrong: string[] = []

  accept(socket: WebSocket): void {
    const index = this.sockets.push(socket) - 1
    this.expected.push([])
    this.received.push(0)
    socket.on('message', (data: Buffer) => {
      const number = this.received[index]!++
      if (!data.equals(message(index, number, this.expected[index]![number]!))) {
        this.wrong.push(`message ${number} of socket ${index}`)
      }
    })
  }

  get complete(): boolean {
    return this.received.every((count, index) => count === this.expected[index]!.length)
  }
}

test.each([
  ['plain HTTP', async (url: string) => url],
  ['TLS', tlsInFrontOf],
])(
  'over %s, a service that begins to read late receives every WebSocket message unchanged and in order',
  async (_, urlOf) => {
    const service = new ComparingService()
    const url = await urlOf(await wsService((socket) => service.accept(socket)))
    const logs: UpgradeLog[] = []
    for (let i = 0; i < 4; i++) {
      logs.push(upgrade(url))
      await until('the service has the WebSocket', () => logs[i]!.events.length > 0 && service.sockets.length > i)
    }
    const slow = [0, 2]
    for (const index of slow) service.sockets[index]!.pause()

    let next = 0
    const send = (index: number): void => {
      const length = LENGTHS[next++ % LENGTHS.length]!
      const number = service.expected[index]!.push(length) - 1
      logs[index]!.call.send(message(index, number, length), true)
    }
    const stalled = () => slow.every((index) => logs[index]!.call.unsentBytes > 4 * BLOCK_BYTES)
    for (let round = 0; round < 5000 && !stalled(); round++) {
      // Even rounds send six messages in a row to each of the four WebSockets; odd rounds alternate between them.
      for (let i = 0; i < 24; i++) send(round % 2 === 0 ? (i / 6) | 0 : i % 4)
      await turn()
    }
    expect(stalled()).toBe(true)
    for (const index of slow) service.sockets[index]!.resume()
    await until('all messages have arrived', () => service.complete)

    expect(service.wrong).toEqual([])
    for (const { call } of logs) call.abort()
  },
)

/** A socket as a connection of WebSocket frames, with the buffers that were written to it. */
class RecordedSocket {
  readonly socket: Socket
  readonly writes: Buffer[] = []
  /** True when the socket was given memory that it must return: the shared block, not a copy. */
  borrowed = false

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    atEnd(() => void socket.destroy())
  }

  get usable(): boolean {
    return !this.socket.destroyed
  }

  get unsentBytes(): number {
    return this.socket.writableLength
  }

  write(bytes: Buffer, sent?: (error?: Error | null) => void): void {
    this.writes.push(bytes)
    this.borrowed ||= sent !== undefined
    this.socket.write(bytes, sent)
  }
}

/** A service that keeps the bytes of each connection. Returns a function that opens a connection. */
async function byteService() {
  const received: Buffer[][] = []
  const server = createServer((socket) => {
    const chunks: Buffer[] = []
    received.push(chunks)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => undefined)
    atEnd(() => void socket.destroy())
  })
  const port = await listen(server)
  atEnd(() => void server.close())
  return { received, open: () => new RecordedSocket(connect(port, '127.0.0.1')) }
}

/** Data of small client frames, unmasked. */
function dataOf(frames: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < frames.length; ) {
    const length = frames[at + 1]! & 0x7f
    const mask = frames.subarray(at + 2, at + 6)
    const masked = frames.subarray(at + 6, at + 6 + length)
    found.push(Buffer.from(masked.map((byte, i) => byte ^ mask[i & 3]!)).toString())
    at += 6 + length
  }
  return found
}

const opened = ({ socket }: RecordedSocket) => until('the socket is connected', () => socket.readyState === 'open')

test('the WebSocket frames of one turn of the event loop are sent with one write at the end of the turn', async () => {
  const service = await byteService()
  const socket = service.open()
  await opened(socket)
  const batch = new FrameBatch()
  for (let i = 0; i < 20; i++) batch.add(socket, Opcode.text, Buffer.from(`message ${i}`))
  expect(socket.writes).toEqual([])
  await turn()

  expect(dataOf(Buffer.from(socket.writes[0]!))).toEqual(Array.from({ length: 20 }, (_, i) => `message ${i}`))
  expect(socket.writes).toHaveLength(1)
  batch.add(socket, Opcode.text, Buffer.from('next turn'))
  batch.flush()
  expect(dataOf(socket.writes[1]!)).toEqual(['next turn'])
  expect(socket.writes[1]!.buffer).toBe(socket.writes[0]!.buffer)
})

test('sockets that cannot send keep at most 64 shared memory blocks for WebSocket frames, and further frames are copied', async () => {
  const service = await byteService()
  // The sockets cannot send: they are not connected yet, and no event is handled within this turn of the event loop.
  const sockets = Array.from({ length: 80 }, () => service.open())
  const batch = new FrameBatch()
  for (const part of ['a', 'b']) {
    for (const [i, socket] of sockets.entries()) batch.add(socket, Opcode.text, Buffer.from(`${part} ${i}`))
  }
  batch.flush()
  expect(sockets.filter(({ borrowed }) => borrowed)).toHaveLength(64)

  const bytesOf = (chunks: Buffer[]) => dataOf(Buffer.concat(chunks)).join()
  await until('all sockets are connected', () => service.received.length === sockets.length)
  await until('all frames have arrived', () => service.received.every((chunks) => bytesOf(chunks).includes('b ')))
  const pairs = sockets.map((_, i) => `a ${i},b ${i}`)
  expect(service.received.map(bytesOf).sort()).toEqual(pairs.sort())
  const later = service.open()
  batch.add(later, Opcode.text, Buffer.from('later'))
  batch.flush()
  expect(later.borrowed).toBe(true)
})

test('broken sockets return their shared memory blocks for WebSocket frames, and frames for a destroyed socket are dropped', async () => {
  const service = await byteService()
  const batch = new FrameBatch()
  const sockets = Array.from({ length: 64 }, () => service.open())
  for (const socket of sockets) batch.add(socket, Opcode.text, Buffer.from('lost'))
  batch.flush()
  expect(sockets.every(({ borrowed }) => borrowed)).toBe(true)
  await Promise.all(sockets.map(({ socket }) => once(socket.destroy(), 'close')))

  const socket = service.open()
  batch.add(socket, Opcode.text, Buffer.from('one'))
  batch.flush()
  expect(socket.borrowed).toBe(true)
  batch.add(socket, Opcode.text, Buffer.from('two'))
  socket.socket.destroy()
  batch.flush()
  expect(socket.writes).toHaveLength(1)
})
