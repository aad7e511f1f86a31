import { expect, test } from 'vitest'
import { Upload } from '../../../gateway/http/upload.ts'
import type { HttpResponse } from '../../../gateway/http/uws.ts'

// What the listener is told while a client is held. A running node shows it too (integration/slow-clients), but only when
// bytes are under way at the right moment.

/** The listener's side, which only takes down what it is told. */
function listener() {
  const told: string[] = []
  const response = {
    pause: () => told.push('pause'),
    resume: () => told.push('resume'),
  } as unknown as HttpResponse
  return { told, upload: new Upload(response) }
}

const chunk = (bytes = 1000) => new ArrayBuffer(bytes)

test('the first chunk pauses the client until a reader takes the upload', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause'])
  expect(upload.paused).toBe(true)
})

test('a chunk that arrives during a pause pauses the client again, because the chunk restarted the idle timeout', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause', 'pause', 'pause'])
})

test('the last chunk does not pause the client', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), true)

  expect(told).toEqual(['pause'])
  expect(upload.complete).toBe(true)
})

test('a paused client is resumed after all its bytes were read', async () => {
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
