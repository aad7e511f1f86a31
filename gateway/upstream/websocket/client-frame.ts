import { randomFillSync } from 'node:crypto'
import { closeReason } from './close-code.ts'
import { Opcode } from './opcode.ts'

const MASK_BYTES = 4
/** Random bytes for the masks of the next 1,024 frames. One call per frame would cost 1 µs. */
const masks = Buffer.alloc(4096)
let nextMask = masks.length

/** Length below which masking byte by byte is faster than creating a view of 32-bit words. */
const WORDS_FROM_BYTES = 48

/** XORs 32-bit words in the byte order of this machine: the mask is read in the same order. */
const word = new Uint32Array(1)
const wordBytes = new Uint8Array(word.buffer)

/**
 * Serializes an unfragmented frame of a client (RFC 6455 §5.2), masked with a new random mask (§5.3).
 *
 * @param opcode  `text`, `binary`, `ping` or `pong`
 * @param data    at most 125 bytes for `ping` and `pong`
 */
export function clientFrame(opcode: number, data: Uint8Array): Buffer {
  const { length } = data
  const lengthBytes = length < 126 ? 0 : length <= 0xffff ? 2 : 8
  const headLength = 2 + lengthBytes + MASK_BYTES
  // The payload begins at a multiple of 8 in the allocation, for the view of 32-bit words.
  const payloadAt = (headLength + 7) & ~7
  const whole = Buffer.allocUnsafe(payloadAt + length)
  const from = payloadAt - headLength
  whole[from] = 0x80 | opcode
  if (lengthBytes === 0) whole[from + 1] = 0x80 | length
  else if (lengthBytes === 2) {
    whole[from + 1] = 0x80 | 126
    whole.writeUInt16BE(length, from + 2)
  } else {
    whole[from + 1] = 0x80 | 127
    whole.writeUInt32BE(Math.floor(length / 2 ** 32), from + 2)
    whole.writeUInt32BE(length >>> 0, from + 6)
  }
  if (nextMask === masks.length) {
    randomFillSync(masks)
    nextMask = 0
  }
  const maskAt = payloadAt - MASK_BYTES
  masks.copy(whole, maskAt, nextMask, nextMask + MASK_BYTES)
  nextMask += MASK_BYTES
  whole.set(data, payloadAt)
  mask(whole, maskAt, payloadAt)
  return from === 0 ? whole : whole.subarray(from)
}

/** Masks all bytes of `frame` from `payloadAt` on with the four bytes at `maskAt`. */
function mask(frame: Buffer, maskAt: number, payloadAt: number): void {
  const length = frame.length - payloadAt
  const at = frame.byteOffset + payloadAt
  let done = 0
  if (length >= WORDS_FROM_BYTES && (at & 3) === 0) {
    for (let i = 0; i < MASK_BYTES; i++) wordBytes[i] = frame[maskAt + i]!
    const key = word[0]!
    const words = new Uint32Array(frame.buffer, at, length >>> 2)
    for (let i = 0; i < words.length; i++) words[i] = words[i]! ^ key
    done = length & ~3
  }
  for (let i = done; i < length; i++) frame[payloadAt + i] = frame[payloadAt + i]! ^ frame[maskAt + (i & 3)]!
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
