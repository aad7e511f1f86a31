// RFC 9068 §4, RFC 7519 §4.1, RFC 8725 §3: header and claims that a token must have before its signature is verified.

import { expect, test } from 'vitest'
import { refusedFromMs, validateClaims, validateHeader } from '../../../gateway/oauth/access-token.ts'
import { validateIntrospected } from '../../../gateway/oauth/introspection.ts'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'
import { claimsOf, nowMs, rulesOf } from './token-text.ts'

const nowS = nowMs / 1000
const header = { alg: 'ES256', typ: 'at+jwt', kid: 'k' }

/** Returns the reason of a rejection, or `accepted`. */
const judged = (claims: Record<string, unknown>, rules: Partial<IssuerRules> = {}) => {
  const outcome = validateClaims(JSON.parse(JSON.stringify(claims)), rulesOf(rules), nowMs)
  return typeof outcome === 'string' ? outcome : 'accepted'
}
const factsOf = (claims: Record<string, unknown>, rules: Partial<IssuerRules> = {}) => {
  const outcome = validateClaims(claims, rulesOf(rules), nowMs)
  if (typeof outcome === 'string') throw new Error(outcome)
  return outcome
}

test.each(['none', 'None', 'nOnE', 'HS256', 'HS384', 'RS512', 'ES256K', 'PBES2-HS256+A128KW', '', 1, null, undefined])(
  'S-051, S-052, S-053, S-072: the gate rejects a token with alg %j in its header',
  (alg) => {
    expect(validateHeader({ ...header, alg }, rulesOf())).toBe('token-algorithm')
  },
)

test('S-053: the gate rejects a token with an algorithm that its issuer entry does not list', () => {
  const rules = rulesOf({ algorithms: new Set(['ES256']) })
  expect(validateHeader({ ...header, alg: 'RS256' }, rules)).toBe('token-algorithm')
  expect(validateHeader({ ...header, alg: 'PS256' }, rules)).toBe('token-algorithm')
  expect(validateHeader(header, rules)).toEqual({ algorithm: 'ES256', keyId: 'k' })
})

test.each([1, null, {}, ['k']])(
  'S-056: the gate rejects a token with kid %j in its header, which is not a string',
  (kid) => {
    expect(validateHeader({ ...header, kid }, rulesOf())).toBe('token-malformed')
  },
)

test.each([{ enc: 'A128GCM' }, { zip: 'DEF' }])('S-072: the gate rejects a token with %j in its header', (members) => {
  expect(validateHeader({ ...header, ...members }, rulesOf())).toBe('token-malformed')
})

const types = [
  { typ: 'at+jwt', strict: 'accepted', any: 'accepted' },
  { typ: 'AT+JWT', strict: 'accepted', any: 'accepted' },
  { typ: 'application/at+jwt', strict: 'accepted', any: 'accepted' },
  { typ: 'Application/AT+jwt', strict: 'accepted', any: 'accepted' },
  { typ: 'JWT', strict: 'token-type', any: 'accepted' },
  { typ: undefined, strict: 'token-type', any: 'accepted' },
  { typ: 'logout+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'Logout+JWT', strict: 'token-type', any: 'token-type' },
  { typ: 'application/dpop+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'id_token+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'secevent+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'token-introspection+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'oauth-authz-req+jwt', strict: 'token-type', any: 'token-type' },
  { typ: 'gatehouse-assertion+jwt', strict: 'token-type', any: 'token-type' },
  { typ: ['at+jwt'], strict: 'token-type', any: 'token-type' },
  { typ: null, strict: 'token-type', any: 'token-type' },
] as const

test.each(types)(
  'S-059: a token with typ $typ gives the result $strict with profile at+jwt, and $any with profile any',
  ({ typ, strict, any }) => {
    const outcome = (profile: IssuerRules['profile']) => {
      const read = validateHeader({ alg: 'ES256', ...(typ !== undefined && { typ }) }, rulesOf({ profile }))
      return typeof read === 'string' ? read : 'accepted'
    }
    expect(outcome('at+jwt')).toBe(strict)
    expect(outcome('any')).toBe(any)
  },
)

test('S-072: the gate rejects a nested token (header cty: JWT)', () => {
  expect(validateHeader({ ...header, cty: 'JWT' }, rulesOf())).toBe('token-type')
})

test.each([{ nonce: 'n' }, { at_hash: 'h' }, { c_hash: 'h' }, { events: {} }, { typ: 'ID' }, { token_use: 'id' }])(
  'S-059: with profile any, the gate rejects a token that contains %j, because it can be an ID or logout token; with profile at+jwt, the gate accepts the token',
  (claims) => {
    expect(judged(claimsOf(claims), { profile: 'any' })).toBe('token-type')
    expect(judged(claimsOf(claims), { profile: 'at+jwt' })).toBe('accepted')
  },
)

test.each([
  { aud: 'https://api.example', outcome: 'accepted' },
  { aud: ['x', 'https://api.example'], outcome: 'accepted' },
  { aud: undefined, outcome: 'token-audience' },
  { aud: 'x', outcome: 'token-audience' },
  { aud: [], outcome: 'token-audience' },
  { aud: 'https://api.example/', outcome: 'token-audience' },
  { aud: 'https://api', outcome: 'token-audience' },
  { aud: 'https://api.example https://x.example', outcome: 'token-audience' },
  { aud: ['https://api.example', 1], outcome: 'token-claims-malformed' },
  { aud: {}, outcome: 'token-claims-malformed' },
  { aud: null, outcome: 'token-claims-malformed' },
])('S-061: the result for a token with aud $aud is $outcome', ({ aud, outcome }) => {
  expect(judged(claimsOf({ aud }))).toBe(outcome)
})

test.each([
  { claim: 'exp', value: undefined, outcome: 'token-lifetime' },
  { claim: 'exp', value: '1790000000', outcome: 'token-claims-malformed' },
  { claim: 'exp', value: null, outcome: 'token-claims-malformed' },
  { claim: 'exp', value: -1, outcome: 'token-expired' },
  { claim: 'exp', value: nowS - 5, outcome: 'token-expired' },
  { claim: 'exp', value: nowS - 4, outcome: 'accepted' },
  { claim: 'exp', value: nowS + 599.5, outcome: 'accepted' },
  { claim: 'exp', value: nowS + 315_576_000, outcome: 'token-lifetime' },
  { claim: 'exp', value: 1e300, outcome: 'token-lifetime' },
  { claim: 'nbf', value: nowS + 5, outcome: 'accepted' },
  { claim: 'nbf', value: nowS + 6, outcome: 'token-not-yet-valid' },
  { claim: 'nbf', value: '0', outcome: 'token-claims-malformed' },
  { claim: 'iat', value: undefined, outcome: 'accepted' },
  { claim: 'iat', value: nowS + 5, outcome: 'accepted' },
  { claim: 'iat', value: nowS + 6, outcome: 'token-not-yet-valid' },
  { claim: 'iat', value: nowS + 3_600, outcome: 'token-not-yet-valid' },
  { claim: 'iat', value: true, outcome: 'token-claims-malformed' },
  { claim: 'iat', value: -1e300, outcome: 'token-lifetime' },
])('S-062: the result for a token with $claim $value is $outcome', ({ claim, value, outcome }) => {
  expect(judged(claimsOf({ [claim]: value }))).toBe(outcome)
})

test.each(['exp', 'nbf', 'iat'])('S-062: the gate rejects a token whose %s is 1e400 as malformed', (claim) => {
  const claims = JSON.parse(`{"${claim}":1e400}`)
  expect(validateClaims({ ...claimsOf(), ...claims }, rulesOf(), nowMs)).toBe('token-claims-malformed')
})

test.each([
  { iat: nowS - 10, exp: nowS + 90, outcome: 'accepted' },
  { iat: nowS - 10, exp: nowS + 91, outcome: 'token-lifetime' },
  { iat: undefined, exp: nowS + 105, outcome: 'accepted' },
  { iat: undefined, exp: nowS + 106, outcome: 'token-lifetime' },
])(
  'S-062: with a maximum token lifetime of 100 s, the result for a token with iat $iat and exp $exp is $outcome',
  ({ iat, exp, outcome }) => {
    expect(judged(claimsOf({ iat, exp }), { maxTokenLifetimeS: 100 })).toBe(outcome)
  },
)

test('token facts expire at exp plus the clock tolerance of the issuer entry', () => {
  expect(refusedFromMs(factsOf(claimsOf({ exp: nowS + 0.5 })))).toBe(nowMs + 5_500)
})

test.each([
  { claims: { sub: 'alice', client_id: 'c', azp: 'a' }, subject: 'alice', client: 'c' },
  { claims: { sub: 'alice', client_id: undefined, azp: 'a' }, subject: 'alice', client: 'a' },
  { claims: { sub: 'alice', client_id: undefined }, subject: 'alice', client: undefined },
  { claims: { sub: undefined, client_id: 'c' }, subject: 'c', client: 'c' },
  { claims: { sub: undefined, client_id: undefined, azp: 'a' }, subject: 'a', client: 'a' },
])('a token with the claims $claims has the subject $subject and the client $client', ({ claims, subject, client }) => {
  expect(factsOf(JSON.parse(JSON.stringify(claimsOf(claims))))).toMatchObject({ subject, client })
})

test('the gate rejects a token without sub and client_id', () => {
  expect(judged(claimsOf({ sub: undefined, client_id: undefined }))).toBe('token-subject-missing')
})

const names = ['sub', 'client_id', 'azp', 'jti', 'sid', 'acr']
test.each(
  names.flatMap((name) =>
    ['', 1, null, ['x'], '\ud800', 'a\nb', 'a\0', 'a\u0085', 'a'.repeat(8193)].map((value) => ({ name, value })),
  ),
)(
  'the gate rejects a token with the malformed claim $name $value, because it could not be revoked by that value',
  ({ name, value }) => {
    expect(judged(claimsOf({ [name]: value }))).toBe('token-claims-malformed')
  },
)

test.each([{ jkt: 'x' }, { 'x5t#S256': 'x' }, {}, null])(
  'the gate rejects a token with the claim cnf %j, which binds the token to a key',
  (cnf) => {
    expect(judged(claimsOf({ cnf }))).toBe('token-binding')
  },
)

test.each([
  { scope: undefined, scopes: [] },
  { scope: '', scopes: [] },
  { scope: 'a b a', scopes: ['a', 'b'] },
  { scope: 'orders:read,orders:write', scopes: ['orders:read,orders:write'] },
  { scope: 'orders:read\torders:write', scopes: ['orders:read\torders:write'] },
  { scope: 'ORDERS:READ', scopes: ['ORDERS:READ'] },
])('S-071: the gate reads the scope claim $scope as the scopes $scopes', ({ scope, scopes }) => {
  expect([...factsOf(claimsOf({ scope })).scopes]).toEqual(scopes)
})

test('S-071: the gate accepts an array as scope claim only if the issuer entry allows it', () => {
  expect(judged(claimsOf({ scope: ['a'] }))).toBe('token-claims-malformed')
  expect(judged(claimsOf({ scope: ['a', 1] }), { scopeArray: true })).toBe('token-claims-malformed')
  expect(judged(claimsOf({ scope: 1 }), { scopeArray: true })).toBe('token-claims-malformed')
  expect([...factsOf(claimsOf({ scope: ['a', 'b c'] }), { scopeArray: true }).scopes]).toEqual(['a', 'b c'])
  expect([...factsOf(claimsOf({ scope: 'a b' }), { scopeArray: true }).scopes]).toEqual(['a', 'b'])
})

test('the gate reads scopes and client from the claims that the issuer entry names, and not from `scope` and `client_id`', () => {
  const names = { scopeClaim: 'scp', clientClaim: 'cid' }
  const claims = claimsOf({ scp: 'a', scope: 'b', cid: 'web', client_id: 'other', azp: 'another' })
  expect(factsOf(claims, names)).toMatchObject({ scopes: new Set(['a']), client: 'web' })
  expect(factsOf({ ...claims, cid: undefined }, names).client).toBe(undefined)
  expect(factsOf({ ...claims, scp: undefined }, names).scopes).toEqual(new Set())
})

test('the gate reads an introspection response by the member names of RFC 7662 §2.2, whatever claims the issuer entry names', () => {
  const rules = rulesOf({ scopeClaim: 'scp', clientClaim: 'cid' })
  const claims = claimsOf({ scp: 'a', scope: 'b', cid: 'web', client_id: 'other' })
  expect(validateIntrospected(claims, rules, nowMs)).toMatchObject({ scopes: new Set(['b']), client: 'other' })
})

test('S-070: the gate reads no inherited members of the claims object, and a member named __proto__ changes no other claim', () => {
  const claims = JSON.parse(JSON.stringify(claimsOf({ sub: undefined, client_id: undefined }))) as object
  const inherited = Object.assign(Object.create({ sub: 'alice' }), claims)
  expect(validateClaims(inherited, rulesOf(), nowMs)).toBe('token-subject-missing')
  const odd = JSON.parse(`{"__proto__":{"sub":"mallory"},"constructor":"x",${JSON.stringify(claimsOf()).slice(1)}`)
  expect(factsOf(odd).subject).toBe('alice')
})
