// An encrypted (sealed) value reveals nothing to other readers, can be decrypted (opened) only in its own context, and
// cannot be changed.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'

const one = { id: 'one', secret: randomBytes(32) }
const two = { id: 'two', secret: randomBytes(32) }

test('a sealed (encrypted) value can be decrypted in its own context; its bytes contain the id of its key and not the plain text', () => {
  const sealer = new Sealer([one])
  const blob = sealer.seal('a-token-ü', 'place')

  expect(sealer.open(blob, 'place')).toBe('a-token-ü')
  expect(blob.toString('latin1')).toContain('one')
  expect(blob.toString('latin1')).not.toContain('token')
  expect(sealer.seal('a-token-ü', 'place').equals(blob)).toBe(false)
})

test('a value that the sealer encrypted for one context cannot be decrypted in another context', () => {
  const sealer = new Sealer([one])

  expect(sealer.open(sealer.seal('x', 'place'), 'place2')).toBeUndefined()
})

test('a sealed (encrypted) value with a changed or missing byte cannot be decrypted', () => {
  const sealer = new Sealer([one])
  const blob = sealer.seal('secret', 'place')
  for (let i = 0; i < blob.length; i++) {
    const changed = Buffer.from(blob)
    changed[i]! ^= 1
    expect(sealer.open(changed, 'place'), `byte ${i}`).toBeUndefined()
    expect(sealer.open(blob.subarray(0, i), 'place'), `length ${i}`).toBeUndefined()
  }
})

test('during a key rotation the sealer encrypts with the first key of its list, and decrypts with every key of the list', () => {
  const old = new Sealer([one])
  const between = new Sealer([two, one])
  const after = new Sealer([two])

  expect(between.open(old.seal('x', 'p'), 'p')).toBe('x')
  expect(after.open(between.seal('x', 'p'), 'p')).toBe('x')
  expect(after.open(old.seal('x', 'p'), 'p')).toBeUndefined()
})

test('a value that was sealed (encrypted) with one key cannot be decrypted by a key with the same id and another secret', () => {
  const other = new Sealer([{ id: 'one', secret: two.secret }])

  expect(other.open(new Sealer([one]).seal('x', 'p'), 'p')).toBeUndefined()
})

test('Sealer.nameOf returns the same name for the same key and parts, and another name for another key or other parts', () => {
  const name = (...parts: string[]) => new Sealer([one]).nameOf(...parts)

  expect(name('issuer', 'token')).toBe(name('issuer', 'token'))
  expect(name('issuer', 'token')).toMatch(/^[0-9a-f]{64}$/)
  expect(new Set([name('ab', 'c'), name('a', 'bc'), name('abc'), new Sealer([two]).nameOf('ab', 'c')]).size).toBe(4)
})
