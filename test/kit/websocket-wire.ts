import { createHash } from 'node:crypto'
import { connect } from './raw-client.ts'
import type { Wire } from './wire.ts'

/** Key and `Sec-WebSocket-Accept` of the example of RFC 6455 §1.3. */
export const sampleKey = 'dGhlIHNhbXBsZSBub25jZQ=='
export const sampleAccept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** Lines of a valid handshake after the request line. */
export const handshakeLines = [
  'Host: api.test',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Key: ${sampleKey}`,
  'Sec-WebSocket-Version: 13',
] as const

export function handshakeBytes(target: string, lines: readonly string[] = handshakeLines, method = 'GET'): string {
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

/** Opens a WebSocket by raw bytes. @throws {Error} when the handshake gets another reply than 101 */
export async function openWire(port: number, target: string): Promise<Wire> {
  const wire = await connect(port)
  await wire.send(handshakeBytes(target))
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`no 101: ${head}`)
  return wire
}

interface FrameParts {
  readonly opcode: number
  readonly data?: string | Buffer
  /** Whether the bit FIN is set. Default true. */
  readonly final?: boolean
  /** Bits RSV1 to RSV3 in place. */
  readonly reserved?: number
  /** Whether the payload is masked. Default true. */
  readonly masked?: boolean
  /** Announced length, if it differs from the length of `data`; sent with 64 bits. */
  readonly announced?: bigint
}

/** Returns the bytes of one frame, valid or not (RFC 6455 §5.2). */
export function frameBytes({
  opcode,
  data = '',
  final = true,
  reserved = 0,
  masked = true,
  announced,
}: FrameParts): Buffer {
  const payload = typeof data === 'string' ? Buffer.from(data) : data
  const { length } = payload
  const mark = announced !== undefined || length > 0xffff ? 127 : length > 125 ? 126 : length
  const extended = Buffer.alloc(mark === 127 ? 8 : mark === 126 ? 2 : 0)
  if (mark === 127) extended.writeBigUInt64BE(announced ?? BigInt(length))
  else if (mark === 126) extended.writeUInt16BE(length)
  const head = Buffer.from([(final ? 0x80 : 0) | reserved | opcode, (masked ? 0x80 : 0) | mark])
  if (!masked) return Buffer.concat([head, extended, payload])
  const mask = Buffer.from([1, 2, 3, 4])
  return Buffer.concat([head, extended, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)])
}

interface ReadFrame {
  readonly opcode: number
  readonly data: Buffer
}

/** Reads one unmasked frame of at most 65,535 bytes; `undefined` when the connection ended first. */
export async function readFrame(wire: Wire): Promise<ReadFrame | undefined> {
  const head = await wire.take(2)
  if (head.length < 2) return undefined
  let length = head[1]!
  if (length === 126) length = (await wire.take(2)).readUInt16BE()
  if (length > 0xffff) throw new Error('a masked or large frame')
  return { opcode: head[0]! & 0x0f, data: await wire.take(length) }
}

/** `Sec-WebSocket-Accept` for the key in a request head (RFC 6455 §4.2.2). */
export function acceptOf(head: Buffer): string {
  const key = /^sec-websocket-key: (\S+)/im.exec(head.toString('latin1'))?.[1] ?? ''
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}
