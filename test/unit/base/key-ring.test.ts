import { expect, test } from 'vitest'
import { KeyRing } from '../../../gateway/base/key-ring.ts'
import { Sealer } from '../../../gateway/base/sealer.ts'

const [a, b, c] = ['a', 'b', 'c'].map((id) => ({ id })) as [{ id: string }, { id: string }, { id: string }]

test('the first key of a key ring is its writing key until another key is appointed as the writing key', () => {
  const ring = new KeyRing([a, b])
  expect(ring.writer).toBe(a)
  ring.replace([b, a])
  expect(ring.writer).toBe(b)
  ring.appoint('a')
  expect(ring.writerFirst).toEqual([a, b])
  ring.replace([c, b, a])
  expect(ring.writer).toBe(a)
})

test('a key that is appointed as the writing key before the key ring contains it becomes the writing key as soon as it is added', () => {
  const ring = new KeyRing([a, b])
  ring.appoint('c')
  expect(ring.writer).toBe(a)
  ring.replace([b, a])
  expect(ring.writer).toBe(a)
  ring.replace([b, a, c])
  expect(ring.writer).toBe(c)
})

test('a key ring reports for each key when the process last wrote with it', () => {
  let nowMs = 1000
  const ring = new KeyRing([a, b], () => nowMs)
  nowMs = 2000
  ring.appoint('b')
  nowMs = 3000
  expect([ring.wroteMs('a'), ring.wroteMs('b'), ring.wroteMs('c')]).toEqual([2000, 3000, undefined])
})

test('after a change of its key ring, a sealer encrypts with the new writing key and decrypts only with keys in the ring', () => {
  const [one, two] = [1, 2].map((n) => ({ id: `k${n}`, secret: new Uint8Array(32).fill(n) }))
  const ring = new KeyRing([one!])
  const sealer = Sealer.following(ring)!
  const before = sealer.seal('text', 'place')
  ring.replace([one!, two!])
  ring.appoint('k2')
  const after = sealer.seal('text', 'place')

  expect(new Sealer([two!]).open(after, 'place')).toBe('text')
  expect([sealer.open(before, 'place'), sealer.open(after, 'place')]).toEqual(['text', 'text'])
  ring.replace([two!])
  expect([sealer.open(before, 'place'), sealer.open(after, 'place')]).toEqual([undefined, 'text'])
})
