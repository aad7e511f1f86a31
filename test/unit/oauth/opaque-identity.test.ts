import { expect, test } from 'vitest'
import { answerIdentity } from '../../../gateway/oauth/opaque-identity.ts'

const claims = { sub: 'alice', client_id: 'web', iat: 1000, exp: 2000, scope: 'b a' }

test.each([
  ['the order of the scopes', { scope: 'a b' }],
  ['a repeated scope', { scope: 'a b a' }],
  ['scopes as an array', { scope: ['b', 'a'] }],
  ['further members', { username: 'alice', aud: ['x'] }],
])(
  'two introspection responses have the same identity (by which opaque tokens are revoked) if they differ only in: %s',
  (_, changes) => {
    expect(answerIdentity({ ...claims, ...changes })).toBe(answerIdentity(claims))
  },
)

test.each([
  ['another subject', { sub: 'bob' }],
  ['no subject', { sub: undefined }],
  ['another client', { client_id: 'app' }],
  ['another iat', { iat: 1001 }],
  ['another exp', { exp: 2001 }],
  ['another scope', { scope: 'b' }],
  ['subject and client exchanged', { sub: 'web', client_id: 'alice' }],
])(
  'two introspection responses that differ in %s have different identities (by which opaque tokens are revoked)',
  (_, changes) => {
    expect(answerIdentity({ ...claims, ...changes })).not.toBe(answerIdentity(claims))
  },
)

test.each([
  ['iat', { iat: undefined }],
  ['exp', { exp: undefined }],
  ['a number as iat', { iat: '1000' }],
  ['a finite exp', { exp: Number.POSITIVE_INFINITY }],
])('an introspection response without %s has no identity by which its token can be revoked', (_, changes) => {
  expect(answerIdentity({ ...claims, ...changes })).toBeUndefined()
})
