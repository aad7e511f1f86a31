// The demo issuer publishes a retired signing key for the longest lifetime of a token.

import { expect, test } from 'vitest'
import { SigningKeys } from '../../../deploy/demo/signing-keys.ts'

const kidsOf = (keys: SigningKeys) => keys.jwks().keys.map((key) => (key as { kid?: string }).kid)

test('after a key rotation of the demo issuer, new keys come first, and old keys stay published until they expire', () => {
  const keys = new SigningKeys(1000)
  const old = kidsOf(keys)
  keys.rotate(0)
  const both = kidsOf(keys)

  expect(both.slice(2)).toEqual(old)
  expect(both.slice(0, 2)).not.toEqual(old)
  expect(keys.expire(999)).toBe(false)
  expect(kidsOf(keys)).toEqual(both)
  expect(keys.expire(1000)).toBe(true)
  expect(kidsOf(keys)).toEqual(both.slice(0, 2))
})
