import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { UploadQueue } from '../../../gateway/http/upload-queue.ts'

// The upload queue has a memory limit, preserves the order and the bytes of an upload, and leaves no file after the
// upload.

const MIB = 1024 * 1024
const sha256 = (chunks: readonly Buffer[]) =>
  chunks.reduce((hash, chunk) => hash.update(chunk), createHash('sha256')).digest('hex')

function drained(queue: UploadQueue): Buffer[] {
  const chunks: Buffer[] = []
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) chunks.push(chunk)
  return chunks
}

const files = () => readdirSync(tmpdir()).filter((name) => name.startsWith('gatehouse-upload-'))

test('the upload queue writes bytes above its memory limit to a file without a name and returns all bytes in order', () => {
  const queue = new UploadQueue()
  const sent = Array.from({ length: 100 }, () => randomBytes(512 * 1024))
  const before = process.memoryUsage().arrayBuffers
  for (const chunk of sent) queue.push(chunk)

  expect(files()).toEqual([])
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB)
  expect(queue.empty).toBe(false)
  expect(sha256(drained(queue))).toBe(sha256(sent))
  expect(queue.empty).toBe(true)
})

test('chunks that arrive while older chunks of an upload are read are returned after the older chunks, both from memory and from the file', () => {
  const queue = new UploadQueue()
  const sent: Buffer[] = []
  const taken: Buffer[] = []
  for (let round = 0; round < 120; round++) {
    const chunk = randomBytes(400 * 1024)
    sent.push(chunk)
    queue.push(chunk)
    if (round % 3 === 2) taken.push(queue.shift()!)
  }
  taken.push(...drained(queue))

  expect(sha256(taken)).toBe(sha256(sent))
})

test('after an upload is abandoned, its queue is empty, and other uploads can use its memory', () => {
  for (let i = 0; i < 40; i++) {
    const queue = new UploadQueue()
    for (let n = 0; n < 40; n++) queue.push(Buffer.alloc(512 * 1024))
    queue.clear()
    expect(queue.empty).toBe(true)
    expect(queue.shift()).toBeUndefined()
  }
  const queue = new UploadQueue()
  queue.push(Buffer.from('still here'))

  expect(drained(queue).toString()).toBe('still here')
})
