import { randomFillSync } from 'node:crypto'
import { closeReason } from './close-code.ts'
import { Opcode } from './opcode.ts'

const MASK_BYTES = 4
/** Random bytes for the masks of the next 1,024 frames. One call per frame would cost 1 µs. */
const masks = Buffer.alloc(4096)
let nextMask = masks.length

/** Length below which masking byte by byte is faster than masking 32-bit words. */
const WORDS_FROM_BYTES = 32

/**
 * XORs 32-bit words in the byte order of this machine. The mask is read in the same byte order, so the result is the
 * same on every machine.
 */
const word = new Uint32Array(1)
const wordBytes = new Uint8Array(word.buffer)

/** Memory for WebSocket frames, as bytes and as 32-bit words. */
export interface FrameMemory {
  readonly bytes: Buffer
  /** The same memory as 32-bit words. Its first word begins at the first byte. */
  readonly words: Uint32Array
}

/** Creates the memory for frames in `bytes`. The offset of `bytes` in its allocation must be a multiple of 4. */
export function frameMemory(bytes: Buffer): FrameMemory {
  return { bytes, words: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2) }
}

/** Returns the length of a client's frame with `length` bytes of data, bytes. */
export function clientFrameLength(length: number): number {
  return 2 + (length < 126 ? 0 : length <= 0xffff ? 2 : 8) + MASK_BYTES + length
}

/**
 * Writes an unfragmented frame of a client (RFC 6455 §5.2), masked with a new random mask (§5.3), into `memory`.
 *
 * @param at      offset of the frame; the memory must have room for `clientFrameLength(data.length)` bytes from there
 * @param opcode  `text`, `binary`, `ping` or `pong`
 * @param data    at most 125 bytes for `ping` and `pong`
 * @returns offset of the first byte after the frame
 */
export function writeClientFrame(memory: FrameMemory, at: number, opcode: number, data: Uint8Array): number {
  const { bytes } = memory
  const { length } = data
  bytes[at] = 0x80 | opcode
  let maskAt = at + 2
  if (length < 126) bytes[at + 1] = 0x80 | length
  else if (length <= 0xffff) {
    bytes[at + 1] = 0x80 | 126
    maskAt = bytes.writeUInt16BE(length, maskAt)
  } else {
    bytes[at + 1] = 0x80 | 127
    maskAt = bytes.writeUInt32BE(Math.floor(length / 2 ** 32), maskAt)
    maskAt = bytes.writeUInt32BE(length >>> 0, maskAt)
  }
  if (nextMask === masks.length) {
    randomFillSync(masks)
    nextMask = 0
  }
  const payloadAt = maskAt + MASK_BYTES
  for (let i = maskAt; i < payloadAt; i++) bytes[i] = masks[nextMask++]!
  if (length < WORDS_FROM_BYTES) {
    for (let i = 0; i < length; i++) bytes[payloadAt + i] = data[i]! ^ bytes[maskAt + (i & 3)]!
  } else {
    bytes.set(data, payloadAt)
    maskWords(memory, maskAt, payloadAt + length)
  }
  return payloadAt + length
}

/**
 * Masks the payload in `memory`, from the end of the mask at `maskAt` up to `end`. The payload must have at least 4
 * bytes.
 */
function maskWords({ bytes, words }: FrameMemory, maskAt: number, end: number): void {
  const payloadAt = maskAt + MASK_BYTES
  const firstWord = (payloadAt + 3) >>> 2
  const endWord = end >>> 2
  const before = firstWord * 4 - payloadAt
  for (let i = 0; i < before; i++) bytes[payloadAt + i] = bytes[payloadAt + i]! ^ bytes[maskAt + i]!
  // Rotate the mask by `before` bytes: the first whole word begins this number of bytes after the start of the payload.
  for (let i = 0; i < MASK_BYTES; i++) wordBytes[i] = bytes[maskAt + ((before + i) & 3)]!
  const key = word[0]!
  for (let i = firstWord; i < endWord; i++) words[i] = words[i]! ^ key
  for (let i = endWord * 4; i < end; i++) bytes[i] = bytes[i]! ^ bytes[maskAt + ((i - payloadAt) & 3)]!
}

/** Serializes a frame of a client into a new buffer. Parameters as for {@link writeClientFrame}. */
export function clientFrame(opcode: number, data: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(clientFrameLength(data.length))
  // The offset of a Node.js buffer in its memory is a multiple of 8; `frameMemory` requires a multiple of 4.
  writeClientFrame(frameMemory(bytes), 0, opcode, data)
  return bytes
}

/**
 * Serializes a close frame of a client.
 *
 * @param code    a code that is allowed in a close frame (`isSendableCode`); `undefined` for a close frame without a
 *   code
 * @param reason  cut to 123 bytes
 */
export function clientCloseFrame(code?: number, reason = ''): Buffer {
  if (code === undefined) return clientFrame(Opcode.close, empty)
  const text = closeReason(reason)
  const data = Buffer.allocUnsafe(2 + text.length)
  data.writeUInt16BE(code, 0)
  text.copy(data, 2)
  return clientFrame(Opcode.close, data)
}

const empty = Buffer.alloc(0)
