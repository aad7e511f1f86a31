// RFC 7800, RFC 8705 §3.1, RFC 9449 §6: the claim `cnf`, which binds a token to a key.

import { expect, test } from 'vitest'
import { isSameConfirmation, readConfirmation } from '../../../gateway/oauth/confirmation.ts'
import { agreesWithBinding, validateIntrospected } from '../../../gateway/oauth/introspection.ts'
import { claimsOf, nowMs, rulesOf } from './token-text.ts'

// RFC 7800 §3.1: a recipient that cannot check the binding of a token must not accept the token.

const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const certificate = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2'.slice(0, 42).concat('0')

test('the gate reads no confirmation (cnf, RFC 7800) from a token without cnf', () => {
  expect(readConfirmation({ sub: 'alice' })).toBeUndefined()
})

test.each([
  [{ jkt }, { jkt, x5tS256: undefined }],
  [{ 'x5t#S256': certificate }, { jkt: undefined, x5tS256: certificate }],
  [
    { jkt, 'x5t#S256': certificate },
    { jkt, x5tS256: certificate },
  ],
])('the claim cnf %j of a token is read as the confirmation %j', (cnf, expected) => {
  expect(readConfirmation({ cnf })).toEqual(expected)
})

test.each<[title: string, cnf: unknown]>([
  ['an empty cnf', {}],
  ['null', null],
  ['a text', jkt],
  ['an array', [jkt]],
  ['an unknown member', { jwk: {} }],
  ['an unknown member beside a known one', { jkt, kid: 'x' }],
  ['a number as jkt', { jkt: 7 }],
  ['a short thumbprint', { jkt: jkt.slice(1) }],
  ['a long thumbprint', { jkt: `${jkt}A` }],
  ['a thumbprint with unused bits set', { jkt: `${jkt.slice(0, 42)}J` }],
  ['a thumbprint in plain base64', { jkt: `+${jkt.slice(1)}` }],
  ['a malformed member beside a valid one', { jkt, 'x5t#S256': '' }],
  ['a member of the prototype', { toString: jkt }],
])('a token with %s as cnf is unusable', (_, cnf) => {
  expect(readConfirmation({ cnf })).toBe('token-binding')
})

test('two confirmations (cnf) of tokens count as equal only if every member is equal', () => {
  const one = { jkt, x5tS256: undefined }

  expect(isSameConfirmation(one, { ...one })).toBe(true)
  expect(isSameConfirmation(undefined, undefined)).toBe(true)
  expect(isSameConfirmation(one, undefined)).toBe(false)
  expect(isSameConfirmation(one, { jkt, x5tS256: certificate })).toBe(false)
})

test.each<[title: string, claims: Record<string, unknown>, outcome: unknown]>([
  ['cnf.jkt', { cnf: { jkt } }, { confirmation: { jkt } }],
  ['cnf.jkt and token_type DPoP', { cnf: { jkt }, token_type: 'DPoP' }, { confirmation: { jkt } }],
  ['token_type DPoP without cnf', { token_type: 'DPoP' }, 'token-binding'],
  ['token_type DPoP with another binding', { token_type: 'dpop', cnf: { 'x5t#S256': certificate } }, 'token-binding'],
  ['token_type N_A', { token_type: 'N_A' }, 'token-type'],
])('an introspection response with %s is read as %j', (_, claims, outcome) => {
  const validated = validateIntrospected(claimsOf(claims), rulesOf(), nowMs)

  if (typeof outcome === 'string') expect(validated).toBe(outcome)
  else expect(validated).toMatchObject(outcome as object)
})

test.each<[title: string, claims: Record<string, unknown>, own: string | undefined, agrees: boolean]>([
  ['no binding, as the token', {}, undefined, true],
  ['no binding, unlike the token', {}, jkt, true],
  ['the same key', { cnf: { jkt }, token_type: 'DPoP' }, jkt, true],
  ['another key', { cnf: { jkt: certificate } }, jkt, false],
  ['a key for a bearer token', { cnf: { jkt } }, undefined, false],
  ['token_type DPoP for a bearer token', { token_type: 'DPoP' }, undefined, false],
  ['an unknown binding', { cnf: { kid: 'x' } }, jkt, false],
])('whether an introspection response with %s agrees with the cnf of the JWT: $3', (_, claims, own, agrees) => {
  const confirmation = own === undefined ? undefined : { jkt: own, x5tS256: undefined }

  expect(agreesWithBinding(claims, confirmation)).toBe(agrees)
})
