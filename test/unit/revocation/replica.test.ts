import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { ANY_TIME, RECORD_BYTES, writeRecord } from '../../../gateway/revocation/record.ts'
import { Replica } from '../../../gateway/revocation/replica.ts'
import { fc } from '../../kit/properties.ts'

// The replica of revocations in the memory of a node gives the same results as a map from hash to (before, expires), in
// any order of records.

const farS = 4_000_000_000

function words(hash: Buffer): Uint32Array {
  return Uint32Array.from({ length: 4 }, (_, i) => hash.readUInt32BE(4 * i))
}

test('a revocation record applies to credentials that were issued before its time or at an unknown time', () => {
  const replica = new Replica()
  const hash = randomBytes(16)
  replica.apply(writeRecord(hash, 1000, farS))
  expect(replica.matches(words(hash), 999.9)).toBe(true)
  expect(replica.matches(words(hash), undefined)).toBe(true)
  expect(replica.matches(words(hash), 1000)).toBe(false)
  expect(replica.matches(words(randomBytes(16)), 0)).toBe(false)
})

test('a second revocation record for the same hash can extend the issue times and the expiry of the first, but not reduce them', () => {
  const replica = new Replica()
  const hash = randomBytes(16)
  replica.apply(Buffer.concat([writeRecord(hash, 2000, farS - 9), writeRecord(hash, 1000, farS)]))
  expect(replica.size).toBe(1)
  expect(replica.matches(words(hash), 1999)).toBe(true)
  for (let i = 0; i < 256; i++) replica.sweep(farS - 9)
  expect(replica.matches(words(hash), 1999)).toBe(true)
  for (let i = 0; i < 256; i++) replica.sweep(farS)
  expect(replica.matches(words(hash), 1999)).toBe(false)
  expect(replica.size).toBe(0)
})

test('the change counter of the revocation replica increases only if a record changes the replica', () => {
  const replica = new Replica()
  const record = writeRecord(randomBytes(16), ANY_TIME, farS)
  const before = replica.changes
  replica.apply(record)
  expect(replica.changes).toBe(before + 1)
  replica.apply(record)
  replica.apply(Buffer.alloc(0))
  replica.apply(record.subarray(0, RECORD_BYTES - 1))
  expect(replica.changes).toBe(before + 1)
})

/** Random hashes that differ in few bits, so that entries need the same segments and slots of the replica. */
const hashes = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(2)).map(([segment, place, tail]) => {
  const hash = Buffer.alloc(16)
  hash.writeUInt32BE(segment << 24, 0)
  hash.writeUInt32BE(place, 4)
  hash.writeUInt32BE(tail + 1, 12)
  return hash
})

test('after any sequence of writes and removals of expired records, the revocation replica finds the same revocations as a plain map', () => {
  const step = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({
        hash: hashes,
        before: fc.integer({ min: 1, max: 50 }),
        expires: fc.integer({ min: 1, max: 50 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ sweep: fc.integer({ min: 0, max: 30 }) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const replica = new Replica()
      const model = new Map<string, { before: number; expires: number }>()
      for (const each of steps) {
        if ('sweep' in each) {
          for (let i = 0; i < 256; i++) replica.sweep(each.sweep)
          for (const [key, { expires }] of model) if (expires <= each.sweep) model.delete(key)
          continue
        }
        replica.apply(writeRecord(each.hash, each.before, each.expires))
        const known = model.get(each.hash.toString('hex')) ?? { before: 0, expires: 0 }
        model.set(each.hash.toString('hex'), {
          before: Math.max(known.before, each.before),
          expires: Math.max(known.expires, each.expires),
        })
      }
      expect(replica.size).toBe(model.size)
      for (const [key, { before }] of model) {
        expect(replica.matches(words(Buffer.from(key, 'hex')), before - 1)).toBe(true)
        expect(replica.matches(words(Buffer.from(key, 'hex')), before)).toBe(false)
      }
    }),
  )
})

test('recordsNotIn() returns exactly the unexpired revocation records that the other replica lacks', () => {
  const ours = new Replica()
  const theirs = new Replica()
  const records = Array.from({ length: 2000 }, () => writeRecord(randomBytes(16), 1000, farS))
  const expired = writeRecord(randomBytes(16), 1000, 5)
  ours.apply(Buffer.concat([...records, expired]))
  theirs.apply(Buffer.concat(records.slice(0, 1500)))
  const lacking = [...ours.recordsNotIn(theirs, 10)].flatMap((piece) =>
    Array.from({ length: piece.length / RECORD_BYTES }, (_, i) =>
      piece.subarray(i * RECORD_BYTES, (i + 1) * RECORD_BYTES).toString('hex'),
    ),
  )
  expect(lacking.sort()).toEqual(
    records
      .slice(1500)
      .map((record) => record.toString('hex'))
      .sort(),
  )
})
