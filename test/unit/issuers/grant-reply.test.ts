// Replies of a token endpoint (RFC 6749 §5): a token, a refusal, or no statement at all.

import { expect, test } from 'vitest'
import type { FormReply } from '../../../gateway/issuers/form-call.ts'
import { readGrant } from '../../../gateway/issuers/grant-reply.ts'
import { compactJws, signingKey } from '../../kit/signing-key.ts'

const askedMs = 1_000_000

function reply(body: object | string, status = 200, mediaType = 'application/json'): FormReply {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { status, mediaType, retryAfterS: undefined, body: Buffer.from(text) }
}

const read = (...parts: Parameters<typeof reply>) => readGrant(reply(...parts), askedMs)
const good = { access_token: 'abc', token_type: 'Bearer' }
const jwt = compactJws({ alg: 'ES256' }, { exp: 2000 }, signingKey('ES256'))

test.each([
  ['with expires_in', { ...good, expires_in: 300 }, askedMs + 300_000],
  ['with expires_in as text', { ...good, expires_in: '300' }, askedMs + 300_000],
  ['without expires_in', good, undefined],
  ['with a negative expires_in', { ...good, expires_in: -1 }, undefined],
  ['with expires_in beyond every date', { ...good, expires_in: 1e300 }, undefined],
  ['that is a JWT without expires_in', { ...good, access_token: jwt }, 2_000_000],
  ['with token_type N_A (RFC 8693 §2.2.1)', { ...good, token_type: 'N_A', expires_in: 1 }, askedMs + 1000],
])(
  'the expiry of a token in a token response %s is $2 (ms since the Unix epoch; undefined: unknown)',
  (_, body, expiresAtMs) => {
    expect(read(body)).toEqual({ token: (body as typeof good).access_token, expiresAtMs })
  },
)

test.each([
  [
    'issued_token_type refresh_token (RFC 8693 §2.2.1)',
    { ...good, issued_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
    /refresh_token instead of/,
  ],
  ['an issued_token_type that is no text', { ...good, issued_token_type: 1 }, /another issued_token_type/],
  ['another token_type', { ...good, token_type: 'DPoP' }, /token_type DPoP/],
  ['characters outside b64token', { ...good, access_token: 'a b' }, /characters/],
  ['more than 16384 characters', { ...good, access_token: 'x'.repeat(16_385) }, /longer than 16384/],
])('a granted token with %s cannot be used', (_, body, why) => {
  expect(read(body)).toEqual({ unusable: expect.stringMatching(why) })
})

test.each([
  [
    'an OAuth error',
    { error: 'invalid_grant', error_description: 'expired' },
    400,
    { error: 'invalid_grant', description: 'expired' },
  ],
  ['401 without an error code', 'no', 401, { error: 'status 401', description: undefined }],
  ['a redirect', '', 302, { error: 'status 302', description: undefined }],
  ['an error code with control characters', { error: 'a\nb' }, 400, { error: 'an error', description: undefined }],
])('the reply of a token endpoint with %s refuses the grant', (_, body, status, expected) => {
  expect(read(body, status)).toEqual(expected)
})

test('the gate removes secrets of a token request from the error code and the error description that the issuer returns', () => {
  const body = { error: 'hunter2', error_description: 'secret hunter2 of gate is wrong, not hunter2?' }

  expect(readGrant(reply(body, 400), askedMs, ['hunter2'])).toEqual({
    error: 'an error',
    description: 'secret … of gate is wrong, not …?',
  })
})

test('the error description of an issuer is shortened, and texts that look like tokens are removed from it', () => {
  const description = `token ${jwt} is\nbad ${'word '.repeat(100)}`

  const { description: shown } = read({ error: 'invalid_request', error_description: description }, 400) as {
    description: string
  }

  expect(shown).toMatch(/^token … is\?bad word/)
  expect(shown.length).toBe(200)
})

test.each([
  ['a 500', {}, 500],
  ['a 408', { error: 'x' }, 408],
  ['HTML with status 200', '<html>', 200, 'text/html'],
  ['an array', '[]', 200],
  ['a duplicate member', '{"access_token":"a","access_token":"b","token_type":"Bearer"}', 200],
  ['an error with status 200', { error: 'invalid_grant' }, 200],
  ['no access_token', { token_type: 'Bearer' }, 200],
  ['no token_type', { access_token: 'a' }, 200],
  ['an access_token that is a number', { access_token: 1, token_type: 'Bearer' }, 200],
])(
  'the reply of a token endpoint with %s neither grants nor refuses a token',
  (_, body, status, type = 'application/json') => {
    expect(read(body, status, type)).toEqual({ why: expect.any(String) })
  },
)
