import { expect, test } from 'vitest'
import { neverIntrospected, type TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { HashKeys, signedPart, textsOfOpaque } from '../../../gateway/revocation/identity.ts'
import { rulesFor } from '../../kit/issuer-rules.ts'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const signed = `${part({ alg: 'ES256' })}.${part({ sub: 'alice' })}`

// S-066: an ECDSA signature has a second valid form, so a revocation must not depend on the signature.
test('the signed part of a JWS, by which the token is revoked, is the same for every signature', () => {
  expect(signedPart(`${signed}.one`)).toBe(signed)
  expect(signedPart(`${signed}.other`)).toBe(signed)
  expect(signedPart(`${signed}.`)).toBe(signed)
})

// Token formats that only their issuer reads. Many or all tokens of such a format have the same text before the second
// dot.
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
])('for a token that is not a JWS, the text by which it is revoked is the whole token: %s', (token) => {
  expect(signedPart(token)).toBe(token)
})

const keys = new HashKeys(['ab'.repeat(32)])
const issuer = rulesFor('https://main.example')
const claims = { sub: 'alice', client_id: 'web', iat: 1000, exp: 2000 }

/**
 * Returns the hashes by which revocations of a token with facts of the given form are looked up: 16 bytes each, in
 * hexadecimal.
 */
function hashesOf(token: string, form: 'opaque' | 'jwt', tokenId?: string): Set<string> {
  const facts = {
    issuer,
    introspection: { ...neverIntrospected, form },
    subject: 'alice',
    client: 'web',
    tokenId,
    claims,
  }
  const words = keys.hashesOf(facts as unknown as TokenFacts, token)
  const hex = Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('')
  return new Set(hex.match(/.{32}/g))
}

const hash = (kind: 'token' | 'answer' | 'jti', value: string) =>
  keys.hashOf(kind, kind === 'token' ? '' : issuer.issuer, value).toString('hex')

test.each(['opaque', 'jwt'] as const)(
  'a node looks up revocations of a token that is not a JWS by its canonical text and its exact text (introspection response of the form %s)',
  (form) => {
    const texts = textsOfOpaque('ory_at_K0.S1')
    expect(texts).toEqual(['Kw.Sw', 'ory_at_K0.S1'])

    for (const text of texts) expect(hashesOf('ory_at_K0.S1', form)).toContain(hash('token', text))
  },
)

test('a node looks up revocations of a JWS by the hash of its signed part', () => {
  expect(hashesOf(`${signed}.one`, 'jwt')).toContain(hash('token', signed))
})

test('a node looks up revocations of an opaque token by the identity of its introspection response, or by its jti if the response has one', () => {
  const answer = hash('answer', '["alice","web",1000,2000,[]]')

  expect(hashesOf('token', 'opaque')).toContain(answer)
  expect(hashesOf('token', 'opaque', 'j-1')).not.toContain(answer)
  expect(hashesOf('token', 'opaque', 'j-1')).toContain(hash('jti', 'j-1'))
})
