import { expect, test } from 'vitest'
import { signedPart } from '../../../gateway/revocation/identity.ts'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signed = `${part({ alg: 'ES256' })}.${part({ sub: 'alice' })}`

// S-066: an ECDSA signature has a second valid form, so it is no part of what a revocation names.
test('of a JWS, the signature does not count, whatever it looks like', () => {
  expect(signedPart(`${signed}.one`)).toBe(signed)
  expect(signedPart(`${signed}.other`)).toBe(signed)
  expect(signedPart(`${signed}.`)).toBe(signed)
})

// Formats of tokens that only their issuer reads; what stands before the second dot is common to many, or to all.
const jwe = `${part({ alg: 'dir', enc: 'A256GCM' })}..aXY.dGV4dA.dGFn`

test.each([
  jwe,
  'v4.local.AAAA',
  'v2.public.eyJzdWIiOiJhIn0.Zm9vdGVy',
  'e30x.b.c',
  'MQ.b.c',
  '"a".b.c',
  '..',
  'a.b',
  'opaque',
])('another token counts whole: %s', (token) => {
  expect(signedPart(token)).toBe(token)
})
