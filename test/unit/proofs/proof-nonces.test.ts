// RFC 9449 §9, docs/design/attack-cases.md S-082: nonces for DPoP proofs, which no node stores.

import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { type ProofEpoch, ProofNonces } from '../../../gateway/proofs/proof-nonces.ts'

const secret = randomBytes(32)
const start = 1_800_000_000_000
const minute = 60_000
const settled: ProofEpoch = { id: 'first', startMs: undefined }

interface Given {
  readonly mode?: 'optional' | 'required'
  readonly epoch?: () => ProofEpoch
  readonly secret?: () => Buffer
}

const noncesOf = ({ mode = 'required', epoch = () => settled, secret: own = () => secret }: Given = {}) =>
  new ProofNonces({ mode, settleMs: 2 * minute, epoch, secret: own })

test('a DPoP nonce of one node is valid on another node for 5 minutes', () => {
  const nonce = noncesOf().issue(start)
  const other = noncesOf()

  expect(other.ageMs(nonce, start)).toBeTypeOf('number')
  expect(other.ageMs(nonce, start + 5 * minute - 1)).toBeTypeOf('number')
  expect(other.ageMs(nonce, start + 5 * minute)).toBeUndefined()
})

test('a DPoP nonce from a node whose clock is 10 s ahead is valid, and a nonce from a node whose clock is 11 s ahead is not', () => {
  const nonces = noncesOf()

  expect(nonces.ageMs(nonces.issue(start + 10_000), start)).toBeTypeOf('number')
  expect(nonces.ageMs(nonces.issue(start + 11_000), start)).toBeUndefined()
})

test('a DPoP nonce stays valid when the key that signs nonces changes at the full hour', () => {
  const hour = Math.ceil(start / 3_600_000) * 3_600_000
  const nonces = noncesOf()
  const before = nonces.issue(hour - 1000)
  const after = nonces.issue(hour)

  expect(nonces.ageMs(before, hour + 1000)).toBeTypeOf('number')
  expect(nonces.ageMs(after, hour + 1000)).toBeTypeOf('number')
  expect(before.slice(6)).not.toBe(after.slice(6))
})

test('the age of a DPoP nonce is the time since the second in which it was issued', () => {
  const nonces = noncesOf()

  expect(nonces.ageMs(nonces.issue(start + 999), start + 999)).toBe(999)
  expect(nonces.ageMs(nonces.issue(start), start + minute)).toBe(minute)
})

test.each<[title: string, change: (nonce: string) => string]>([
  ['an empty text', () => ''],
  ['a changed time', (nonce) => `${nonce.startsWith('A') ? 'B' : 'A'}${nonce.slice(1)}`],
  ['a changed MAC', (nonce) => `${nonce.slice(0, -2)}${nonce.endsWith('AA') ? 'BA' : 'AA'}`],
  ['a longer text', (nonce) => `${nonce}A`],
  ['a shorter text', (nonce) => nonce.slice(1)],
  ['a text of the right length', () => 'x'.repeat(22)],
  ['a text outside base64url', () => '*'.repeat(22)],
])('%s is not accepted as a DPoP nonce', (_, change) => {
  const nonces = noncesOf()

  expect(nonces.ageMs(change(nonces.issue(start)), start)).toBeUndefined()
})

test('a DPoP nonce made with another secret is not valid', () => {
  expect(noncesOf().ageMs(noncesOf({ secret: () => Buffer.alloc(32) }).issue(start), start)).toBeUndefined()
})

test('after a new cluster epoch, every DPoP proof needs a nonce of this epoch until records of earlier proofs are no longer needed', () => {
  let epoch = settled
  const nonces = noncesOf({ mode: 'optional', epoch: () => epoch })
  expect(nonces.isRequired(start)).toBe(false)
  const earlier = nonces.issue(start)

  epoch = { id: 'second', startMs: start - 60 * minute }
  expect(nonces.isRequired(start)).toBe(true)
  expect(nonces.ageMs(earlier, start)).toBeUndefined()
  expect(nonces.ageMs(nonces.issue(start), start)).toBeTypeOf('number')
  expect(nonces.isRequired(start + 2 * minute - 1)).toBe(true)
  expect(nonces.isRequired(start + 2 * minute)).toBe(false)
})

test('a node that starts after a new cluster epoch reads the start of the epoch from the id of the epoch', () => {
  const nonces = noncesOf({ mode: 'optional', epoch: () => ({ id: 'new', startMs: start - minute }) })

  expect(nonces.isRequired(start)).toBe(true)
  expect(nonces.isRequired(start + minute)).toBe(false)
})

test('with dpop.nonce: required, every DPoP proof needs a nonce', () => {
  expect(noncesOf().isRequired(start)).toBe(true)
})
