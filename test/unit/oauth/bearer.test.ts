// RFC 6750 §2.1, RFC 9110 §11.6.2: a bearer credential in the Authorization field is the scheme Bearer, one space and
// one token.

import { expect, test } from 'vitest'
import { readAuthorization } from '../../../gateway/oauth/bearer.ts'
import { fc } from '../../kit/properties.ts'

test.each([
  { value: '', read: 'credential-missing' },
  { value: 'Bearer', read: 'credential-malformed' },
  { value: 'Bearer ', read: 'credential-malformed' },
  { value: 'bearer ', read: 'credential-malformed' },
  { value: 'Basic', read: 'credential-malformed' },
  { value: ' Bearer x', read: 'credential-malformed' },
  { value: 'Bearer\tx', read: 'credential-malformed' },
])('S-048: for the Authorization value "$value", the gate reads the credential as: $read', ({ value, read }) => {
  expect(readAuthorization(value)).toBe(read)
})

test.each([
  { value: 'Bearer a,b', token: 'a,b' },
  { value: 'Bearer x', token: 'x' },
  { value: 'bearer x', token: 'x' },
  { value: 'BEARER x', token: 'x' },
])('S-050: the gate reads the bearer token $token from Authorization: $value', ({ value, token }) => {
  expect(readAuthorization(value)).toEqual({ scheme: 'bearer', token })
})

test.each(['Bearer  x', 'Bearer x y', 'Bearer x ', 'bEaReR  x', 'Basic eDp5 eDp5', 'DPoP x y'])(
  'S-050: the gate rejects the Authorization value %j as malformed',
  (value) => {
    expect(readAuthorization(value)).toBe('credential-malformed')
  },
)

test.each([
  { value: 'DPoP eyJ', read: { scheme: 'dpop', token: 'eyJ' } },
  { value: 'Basic eDp5', read: { scheme: 'basic', token: 'eDp5' } },
  { value: 'Digest username="a b", nonce="c"', read: { scheme: 'digest', token: 'username="a b", nonce="c"' } },
])('the gate reads Authorization: $value as a scheme other than Bearer', ({ value, read }) => {
  expect(readAuthorization(value)).toEqual(read)
})

test('the gate reads the bearer token after the scheme Bearer in any mixture of capital and small letters', () => {
  const token = fc.string({ unit: 'grapheme-ascii', minLength: 1 }).filter((text) => !text.includes(' '))
  fc.assert(
    fc.property(fc.mixedCase(fc.constant('bearer')), token, (scheme, text) => {
      expect(readAuthorization(`${scheme} ${text}`)).toEqual({ scheme: 'bearer', token: text })
    }),
  )
})
