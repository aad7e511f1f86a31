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

test('the first chunk pauses the client until somebody reads', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause'])
  expect(upload.paused).toBe(true)
})

test('what comes in spite of a pause pauses anew: it has armed the timer that ends idle clients', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)
  upload.receive(chunk(), false)

  expect(told).toEqual(['pause', 'pause', 'pause'])
})

test('the last chunk pauses nobody', () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  upload.receive(chunk(), true)

  expect(told).toEqual(['pause'])
  expect(upload.complete).toBe(true)
})

test('a client that was held is resumed once all that it sent is taken', async () => {
  const { told, upload } = listener()
  upload.receive(chunk(), false)
  let taken = 0
  upload.open().on('data', (piece: Buffer) => {
    taken += piece.length
  })

  await expect.poll(() => taken).toBe(1000)
  expect(told).toEqual(['pause', 'resume'])
  expect(upload.awaited).toBe(true)
})
