/** Fields of a flat protobuf message by field number: texts, and whole numbers from 0 to 2^32 - 1. */
export type ProtobufFields = Readonly<Record<number, string | number>>

/** Wire types of a number and of a text (https://protobuf.dev/programming-guides/encoding/). */
const VARINT = 0
const BYTES = 2

/** Maximum length of a varint (protobuf's encoding of an integer), bytes. */
const VARINT_MAX = 10

/** Encodes a message. Field numbers are at most 15, so that a key is one byte. */
export function encodeFields(fields: ProtobufFields): Buffer {
  const parts = Object.entries(fields).flatMap(([field, value]) => {
    if (typeof value === 'number') return [Buffer.of(Number(field) * 8 + VARINT), varint(value)]
    const text = Buffer.from(value)
    return [Buffer.of(Number(field) * 8 + BYTES), varint(text.length), text]
  })
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return Buffer.of(...bytes, rest)
}

/**
 * Decodes a flat message. The last value of a repeated field remains.
 *
 * @throws {Error} when the bytes are not a message of numbers and texts
 */
export function decodeFields(bytes: Buffer): ProtobufFields {
  const fields: Record<number, string | number> = {}
  let at = 0
  const read = (): number => {
    const [value, size] = readVarint(bytes.subarray(at, at + VARINT_MAX))
    at += size
    return value
  }
  while (at < bytes.length) {
    const key = read()
    const [field, type] = [Math.floor(key / 8), key % 8]
    const value = read()
    if (type !== VARINT && type !== BYTES) throw new Error(`protobuf field ${field} has the unknown wire type ${type}`)
    if (type === BYTES && value > bytes.length - at) throw new Error(`protobuf field ${field} is not complete`)
    fields[field] = type === VARINT ? value : bytes.toString('utf8', at, at + value)
    if (type === BYTES) at += value
  }
  return fields
}

function readVarint(bytes: Buffer): readonly [value: number, size: number] {
  let value = 0
  for (const [index, byte] of bytes.entries()) {
    value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return [value, index + 1]
  }
  throw new Error('a protobuf varint is not complete')
}
