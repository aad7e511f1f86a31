// RFC 7518 §3.4, RFC 3279 §2.2.3: conversion of an ECDSA signature between its raw form and its DER form.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ecdsaFromDer, ecdsaToDer } from '../../../gateway/oauth/ecdsa-signature.ts'

const tagged = (tag: string, content: string): string => {
  const bytes = content.length / 2
  return tag + (bytes < 0x80 ? '' : '81') + bytes.toString(16).padStart(2, '0') + content
}

/** Encodes an integer in DER (X.690 §8.3): two's complement in the fewest bytes. */
function integer(number: bigint): string {
  const hex = number.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  return tagged('02', Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even)
}

function derOf(raw: Buffer): string {
  const half = raw.length / 2
  const numbers = [raw.subarray(0, half), raw.subarray(half)].map((part) => BigInt(`0x${part.toString('hex')}`))
  return tagged('30', numbers.map(integer).join(''))
}

const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))
/** Random numbers of the given length. About half of them begin with zero bytes. */
const number = (bytes: number) =>
  fc
    .tuple(fc.nat(bytes), fc.array(byte, { minLength: bytes, maxLength: bytes }))
    .map(([zeros, all]) => all.fill(0, 0, zeros % 2 === 0 ? 0 : zeros))
const signature = (bytes: number) => fc.tuple(number(bytes), number(bytes)).map((both) => Buffer.from(both.flat()))

test.each([32, 48, 66])(
  'a raw ECDSA signature whose two numbers have %i bytes each is converted to its DER form',
  (bytes) => {
    fc.assert(
      fc.property(signature(bytes), (raw) => {
        expect(ecdsaToDer(raw).toString('hex')).toBe(derOf(raw))
      }),
    )
  },
)

test('the DER form of an ECDSA signature with two 32-byte numbers is converted back to the same raw signature', () => {
  fc.assert(
    fc.property(signature(32), (raw) => {
      expect(ecdsaFromDer(Buffer.from(derOf(raw), 'hex'), 32).toString('hex')).toBe(raw.toString('hex'))
    }),
  )
})
