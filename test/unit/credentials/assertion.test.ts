// docs/design/contract.md §6: the assertion is a signed JWT that tells a service who the subject of a request is.

import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { AssertionSigner } from '../../../gateway/credentials/assertion.ts'
import { derivedFor } from '../../../gateway/credentials/derived.ts'
import type { TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { factsOf } from '../oauth/known-facts.ts'
import { nowMs } from '../oauth/token-text.ts'

const keyOf = (id: string, namedCurve = 'P-256') => ({
  id,
  jwk: { ...generateKeyPairSync('ec', { namedCurve }).privateKey.export({ format: 'jwk' }) } as Record<string, unknown>,
})

const derivedOf = (facts: TokenFacts) => derivedFor(facts, {}, () => new Set(['manager']))

const keys = [keyOf('2026-01'), keyOf('2025-07')]
const signer = await AssertionSigner.create(keys, { issuer: 'https://gate.example' })

async function claimsIn(assertion: string) {
  const options = { currentDate: new Date(nowMs), typ: 'gatehouse-assertion+jwt', algorithms: ['ES256'] }
  return (await jwtVerify(assertion, createLocalJWKSet(JSON.parse(signer.jwks)), options)).payload
}

test('an assertion of the gate names subject, service and issuer, and verifies with the published keys', async () => {
  const facts = factsOf({ sid: 's1', acr: 'silver' })
  const assertion = signer.assertion(facts, derivedOf(facts), 'orders', nowMs)
  expect(decodeProtectedHeader(assertion)).toEqual({ alg: 'ES256', kid: '2026-01', typ: 'gatehouse-assertion+jwt' })
  expect(await claimsIn(assertion)).toEqual({
    iss: 'https://gate.example',
    aud: 'orders',
    sub: 'alice',
    iat: nowMs / 1000,
    exp: nowMs / 1000 + 60,
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    client_id: 'reader',
    scope: 'orders:read reports:read',
    roles: ['manager'],
    acr: 'silver',
    sid: 's1',
    token_issuer: 'https://idp.example',
  })
})

test('an assertion of the gate omits claims that the token lacks; for a token without sub, its subject is the client', async () => {
  const facts = factsOf({ sub: undefined })
  const claims = await claimsIn(signer.assertion(facts, derivedOf(facts), 'orders', nowMs))
  expect(claims.sub).toBe('reader')
  expect(claims).not.toHaveProperty('sid')
  expect(claims).not.toHaveProperty('acr')
})

test('the gate renews an assertion after half of its lifetime', () => {
  const facts = factsOf()
  const derived = derivedOf(facts)
  const first = signer.assertion(facts, derived, 'orders', nowMs)
  expect(signer.assertion(facts, derived, 'orders', nowMs + 29_999)).toBe(first)
  const second = signer.assertion(facts, derived, 'orders', nowMs + 30_000)
  expect(second).not.toBe(first)
  expect(signer.assertion(facts, derived, 'orders', nowMs + 59_999)).toBe(second)
})

test('an assertion of the gate does not expire after the exp of its token, and the gate uses this assertion until the token has expired, clock tolerance included', async () => {
  const facts = factsOf({ exp: nowMs / 1000 + 20.7 })
  const derived = derivedOf(facts)
  const last = signer.assertion(facts, derived, 'orders', nowMs)
  expect((await claimsIn(last)).exp).toBe(nowMs / 1000 + 20)
  expect(signer.assertion(facts, derived, 'orders', nowMs + 25_000)).toBe(last)
})

test('the library jose verifies the signatures of 600 assertions of the gate, and each signature is 64 bytes long', async () => {
  const facts = factsOf()
  for (let i = 0; i < 600; i++) {
    const assertion = signer.assertion(facts, derivedOf(facts), `service-${i}`, nowMs)
    expect((await claimsIn(assertion)).aud).toBe(`service-${i}`)
    expect(Buffer.from(assertion.split('.')[2]!, 'base64url')).toHaveLength(64)
  }
})

test('the gate publishes all public assertion keys, without private parts', () => {
  const published = JSON.parse(signer.jwks).keys as Record<string, unknown>[]
  expect(published.map(({ kid, alg, use, kty, crv }) => ({ kid, alg, use, kty, crv }))).toEqual([
    { kid: '2026-01', alg: 'ES256', use: 'sig', kty: 'EC', crv: 'P-256' },
    { kid: '2025-07', alg: 'ES256', use: 'sig', kty: 'EC', crv: 'P-256' },
  ])
  for (const { jwk } of keys) expect(signer.jwks).not.toContain(jwk['d'])
  for (const each of published) expect(each).not.toHaveProperty('d')
})

const good = keyOf('k').jwk
test.each([
  { what: 'no key', bad: [], says: 'no assertion key' },
  { what: 'a public key', bad: [{ id: 'k', jwk: { ...good, d: undefined } }], says: '"k" is not a private EC P-256' },
  { what: 'a key on another curve', bad: [keyOf('k', 'P-384')], says: '"k" is not a private EC P-256' },
  {
    what: 'a symmetric key',
    bad: [{ id: 'k', jwk: { kty: 'oct', k: 'c2VjcmV0' } }],
    says: '"k" is not a private EC P-256',
  },
  {
    what: 'the private and public parts of two keys',
    bad: [{ id: 'k', jwk: { ...good, d: keyOf('l').jwk['d'] } }],
    says: 'does not match its public part',
  },
  {
    what: 'an invalid private part',
    bad: [{ id: 'k', jwk: { ...good, d: '!' } }],
    says: 'does not match its public part',
  },
  { what: 'two keys of one id', bad: [keyOf('k'), keyOf('k')], says: 'duplicate assertion key id "k"' },
])(
  'the gate cannot create an assertion signer with $what, and the error does not contain the private key',
  async ({ bad, says }) => {
    const error = await AssertionSigner.create(bad, { issuer: 'https://gate.example' }).catch((each: Error) => each)
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).message).toContain(says)
    expect(JSON.stringify([(error as Error).message, (error as Error).cause])).not.toContain(good['d'])
  },
)
