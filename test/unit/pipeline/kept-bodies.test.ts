import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { KeptBodies } from '../../../gateway/pipeline/exchange/kept-body.ts'

// docs/guide/retries.md: a node keeps at most 16 MiB of request bodies.

test('a request body is not kept for a retry when the kept bodies of the node would exceed the maximum', () => {
  const bodies = new KeptBodies(100)
  const first = bodies.reserve(60)

  expect(bodies.reserve(41)).toBeUndefined()
  expect(bodies.reserve(40)).toBeDefined()
  expect(bodies.bytes).toBe(100)
  first!.release()
  first!.release()
  expect(bodies.bytes).toBe(40)
  expect(bodies.reserve(60)).toBeDefined()
})

test('the default maximum of the request bodies that a node keeps for retries is 16 MiB', () => {
  const bodies = new KeptBodies()
  for (let n = 0; n < 256; n++) expect(bodies.reserve(64 * 1024)).toBeDefined()

  expect(bodies.reserve(1)).toBeUndefined()
})

test('each stream that reads a kept request body gets all bytes of the body', async () => {
  const body = new KeptBodies().reserve(6)!
  await body.read(Readable.from([Buffer.from('abc'), Buffer.from('def')]))

  for (let n = 0; n < 2; n++) {
    const chunks: Buffer[] = []
    for await (const chunk of body.open()) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe('abcdef')
  }
  expect(body.open().takeWhole!(6)!.toString()).toBe('abcdef')
})

test('keeping a request body whose length differs from its Content-Length throws an error', async () => {
  const body = new KeptBodies().reserve(7)!

  await expect(body.read(Readable.from([Buffer.from('abcdef')]))).rejects.toThrow('Content-Length')
})
