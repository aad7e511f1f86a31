import { expect, test } from 'vitest'
import { answerIdentity } from '../../../gateway/oauth/opaque-identity.ts'

const claims = { sub: 'alice', client_id: 'web', iat: 1000, exp: 2000, scope: 'b a' }

test.each([
  ['scopes in another order', { scope: 'a b' }],
  ['a scope twice', { scope: 'a b a' }],
  ['scopes in an array', { scope: ['b', 'a'] }],
  ['further members', { username: 'alice', aud: ['x'] }],
])('an introspection response with %s has the same identity', (_, changes) => {
  expect(answerIdentity({ ...claims, ...changes })).toBe(answerIdentity(claims))
})

test.each([
  ['another subject', { sub: 'bob' }],
  ['no subject', { sub: undefined }],
  ['another client', { client_id: 'app' }],
  ['another iat', { iat: 1001 }],
  ['another exp', { exp: 2001 }],
  ['another scope', { scope: 'b' }],
  ['subject and client exchanged', { sub: 'web', client_id: 'alice' }],
])('an introspection response with %s has a different identity', (_, changes) => {
  expect(answerIdentity({ ...claims, ...changes })).not.toBe(answerIdentity(claims))
})

test.each([
  ['iat', { iat: undefined }],
  ['exp', { exp: undefined }],
  ['a number as iat', { iat: '1000' }],
  ['a finite exp', { exp: Number.POSITIVE_INFINITY }],
])('an introspection response without %s has no identity', (_, changes) => {
  expect(answerIdentity({ ...claims, ...changes })).toBeUndefined()
})
