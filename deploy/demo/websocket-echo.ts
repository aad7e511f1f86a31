import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

// The demo has its own WebSocket server (RFC 6455), because the gate needs no package that contains one.

const opcode = { close: 0x8, ping: 0x9, pong: 0xa }
const finalBit = 0x80
/** Maximum payload of a frame. The gate sends each message in one frame, of at most `streams.max_message`. */
const maxPayloadBytes = 1024 * 1024

interface Frame {
  /** First byte: final bit, reserved bits and opcode. */
  readonly first: number
  readonly payload: Buffer
  /** Size of the frame with its head, bytes. */
  readonly bytes: number
}

/** Returns whether a request is a handshake for the WebSocket of the demo service: `GET /stream/ws`. */
export function opensEcho({ method, url = '', headers }: IncomingMessage): boolean {
  return method === 'GET' && url.split('?')[0] === '/stream/ws' && headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Accepts a WebSocket and sends back each data frame. A frame that violates the protocol, or is too large, closes the
 * connection without a close frame.
 *
 * @param head  bytes that arrived after the handshake
 */
export function echoFrames({ headers }: IncomingMessage, socket: Duplex, head: Buffer): void {
  // This listener is needed: without it, the error of a lost connection would end the process.
  socket.on('error', () => {})
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
  )
  let unread: Buffer = Buffer.alloc(0)
  const read = (bytes: Buffer) => {
    unread = Buffer.concat([unread, bytes])
    for (let frame = nextFrame(unread); frame !== undefined; frame = nextFrame(unread)) {
      if (frame === 'invalid') return void socket.destroy()
      unread = unread.subarray(frame.bytes)
      answer(frame, socket)
    }
  }
  socket.on('data', read)
  socket.on('drain', () => socket.resume())
  read(head)
}

/** `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** Reads the first frame. @returns `undefined` while the frame is incomplete */
function nextFrame(bytes: Buffer): Frame | 'invalid' | undefined {
  if (bytes.length < 2) return undefined
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)]
  // Frames of a WebSocket client are masked (RFC 6455 §5.3).
  if (second < 0x80) return 'invalid'
  const short = second - 0x80
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const maskAt = 2 + lengthBytes
  if (bytes.length < maskAt + 4) return undefined
  const length =
    lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (length > maxPayloadBytes) return 'invalid'
  const payloadAt = maskAt + 4
  if (bytes.length < payloadAt + length) return undefined
  const payload = Buffer.from(bytes.subarray(payloadAt, payloadAt + length))
  for (let i = 0; i < length; i++) payload[i] = payload[i]! ^ bytes[maskAt + (i & 3)]!
  return { first, payload, bytes: payloadAt + length }
}

function answer({ first, payload }: Frame, socket: Duplex): void {
  const kind = first & 0xf
  if (kind === opcode.pong) return
  const sent = frameOf(kind === opcode.ping ? finalBit | opcode.pong : first, payload)
  if (kind === opcode.close) socket.end(sent)
  else if (!socket.write(sent)) socket.pause()
}

function frameOf(first: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10)
  head.writeUInt8(first, 0)
  head.writeUInt8(length < 126 ? length : length < 65_536 ? 126 : 127, 1)
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, payload])
}
