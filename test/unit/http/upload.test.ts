import { expect, test } from 'vitest'
import { Upload } from '../../../gateway/http/upload.ts'
import type { HttpResponse } from '../../../gateway/http/uws.ts'

// Tests of the calls `pause` and `resume` by which an upload stops and resumes its client.
// test/integration/slow-clients tests them with a running node, but there the order of the events depends on the timing
// of the network.

/** A fake HTTP response that records the calls of its methods `pause` and `resume`. */
function listener() {
  const told: string[] = []
  const response = {
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
  } as unknown as HttpResponse
  return { told, upload: new Upload(response) }
}

const chunk = (bytes = 1000) => new ArrayBuffer(bytes)

test('after the first chunk of an upload, the node does not read from the client until a reader opens the upload', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause'])
  expect(upload.paused).toBe(true)
})

test('if a chunk arrives although the node paused the client of an upload, the node pauses the client again, because the chunk restarted the idle timeout', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause', 'pause', 'pause'])
})

test('after the last chunk of an upload, the node does not pause the client', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), true)

  expect(told).toEqual(['pause'])
  expect(upload.complete).toBe(true)
})

test('the node reads from a paused client again after all bytes of the upload were read', async () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  let taken = 0
  upload
    .open(() => true)
    .on('data', (piece: Buffer) => {
      taken += piece.length
    })

  await expect.poll(() => taken).toBe(1000)
  expect(told).toEqual(['pause', 'resume'])
  expect(upload.awaited).toBe(true)
})

test.each([
  { title: 'has arrived whole', parts: [250], length: 250, takes: true },
  { title: 'has not arrived whole', parts: [250], isEnded: false, length: 500, takes: false },
  { title: 'arrived in two parts', parts: [100, 150], length: 250, takes: false },
  { title: 'is shorter than its Content-Length', parts: [250], length: 251, takes: false },
  { title: 'has no Content-Length', parts: [250], length: undefined, takes: false },
  { title: 'has 16 KiB', parts: [16 * 1024], length: 16 * 1024, takes: false },
])('an upstream takes a body that $title without a stream: $takes', ({ parts, isEnded = true, length, takes }) => {
  const { upload } = listener()
  for (const [i, bytes] of parts.entries()) upload.receive(chunk(bytes), isEnded && i === parts.length - 1)
  const whole = upload.open(() => true).takeWhole!(length)

  expect(whole?.length).toBe(takes ? length : undefined)
  // A request whose body was taken must not be sent again, because the bytes are gone.
  expect([upload.touched, upload.unsent]).toEqual([takes, !takes])
})

test('an upstream cannot take a body while its exchange is held, nor a body that was discarded or read', () => {
  const held = listener().upload
  held.receive(chunk(250), true)
  expect(held.open(() => false).takeWhole!(250)).toBeUndefined()

  const discarded = listener().upload
  discarded.receive(chunk(250), true)
  discarded.discard()
  expect(discarded.open(() => true).takeWhole!(250)).toBeUndefined()

  const read = listener().upload
  read.receive(chunk(250), true)
  const stream = read.open(() => true)
  expect(stream.read()).toHaveLength(250)
  expect(stream.takeWhole!(250)).toBeUndefined()
})
