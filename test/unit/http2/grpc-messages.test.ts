import { expect, test } from 'vitest'
import { GrpcMessages } from '../../../gateway/http2/grpc-messages.ts'

// The messages of a gRPC call are followed by their 5-byte prefixes, however the bytes are split.

function message(bytes: number): Buffer {
  const framed = Buffer.alloc(5 + bytes, 0xff)
  framed[0] = 0
  framed.writeUInt32BE(bytes, 1)
  return framed
}

const sizes = [0, 1, 300, 0, 70_000, 4]
const whole = Buffer.concat(sizes.map(message))
const ends = new Set([0])
let end = 0
for (const size of sizes) {
  end += 5 + size
  ends.add(end)
}

test.each([1, 2, 3, 4, 5, 6, 7, 1000, whole.length])(
  'the reader of gRPC messages finds the end of each message exactly, if the bytes arrive in chunks of %i bytes',
  (step) => {
    const messages = new GrpcMessages(70_000)
    const wrong: number[] = []
    for (let at = 0; at < whole.length; at += step) {
      const isWithin = messages.pass(whole.subarray(at, at + step))
      const passed = Math.min(at + step, whole.length)
      if (!isWithin || messages.isBetween !== ends.has(passed)) wrong.push(passed)
    }
    expect(wrong).toEqual([])
    expect(messages.isBetween).toBe(true)
  },
)

test.each([1, 4, 5, 9])(
  'the reader of gRPC messages detects a message above the maximum by its length prefix, if the bytes arrive in chunks of %i bytes',
  (step) => {
    const messages = new GrpcMessages(999)
    const bytes = Buffer.concat([message(999), message(1000).subarray(0, 5)])
    let at = 0
    while (messages.pass(bytes.subarray(at, at + step))) at += step
    expect(at).toBeLessThan(bytes.length)
    expect(at + step).toBeGreaterThanOrEqual(bytes.length)
  },
)

test('a gRPC message with a length of 4 GiB - 1 counts as above the maximum, and its length is not read as negative', () => {
  expect(new GrpcMessages(1024).pass(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]))).toBe(false)
})
