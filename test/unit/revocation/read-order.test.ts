import { expect, test } from 'vitest'
import type { IssuerRules, LoginRules } from '../../../gateway/oauth/token-facts.ts'
import { HashKeys, signedPart } from '../../../gateway/revocation/identity.ts'
import { readOrder } from '../../../gateway/revocation/read-order.ts'
import { ANY_TIME, RECORD_BYTES, writeRecord } from '../../../gateway/revocation/record.ts'
import type { RevocationOrder } from '../../../gateway/revocation/revocation-order.ts'
import { rulesFor } from '../../kit/issuer-rules.ts'

// A revocation order names credentials by one property: a token, jti, session, subject, client or issuer. The record of
// the order lasts until no credential that it matches can be valid.

const nowS = 1_800_000_000.5
const main = rulesFor('https://main.example')
const other = rulesFor('https://other.example', 'other')
const one = issuers(main)
const two = issuers(main, other)
const keys = new HashKeys(['ab'.repeat(32)])

function issuers(...rules: IssuerRules[]): ReadonlyMap<string, IssuerRules> {
  return new Map(rules.map((each) => [each.issuer, each]))
}

function token(claims: object, raw?: string): string {
  const part = (text: string) => Buffer.from(text).toString('base64url')
  return `${part('{"alg":"ES256"}')}.${part(raw ?? JSON.stringify(claims))}.${part('signature')}`
}

function parts(order: RevocationOrder, known = one, sessionEnds: ReadonlyMap<string, number> = new Map()) {
  const { record } = readOrder(order, known, keys, { nowS, sessionEnds })
  return { hash: record.toString('hex', 0, 16), before: record.readUInt32BE(16), expires: record.readUInt32BE(20) }
}

const goodToken = token({ iss: main.issuer, exp: 1_800_000_100 })
/**
 * Expiry of an order without a known end, s: 24 h as the longest token lifetime, 10 s as twice the clock tolerance,
 * and 60 s in reserve.
 */
const lastAliveS = Math.ceil(nowS + 86_400 + 10 + 60)

test('a revocation of one token applies whatever its issue time, and lasts until exp plus the clock tolerance and 60 s', () => {
  expect(parts({ kind: 'token', token: goodToken })).toEqual({
    hash: keys.hashOf('token', '', signedPart(goodToken)).toString('hex'),
    before: ANY_TIME,
    expires: 1_800_000_100 + 5 + 60,
  })
})

test('a revocation by jti applies whatever the issue time of the token, and lasts for the longest token lifetime plus 70 s', () => {
  expect(parts({ kind: 'jti', id: 'j' })).toMatchObject({ before: ANY_TIME, expires: lastAliveS })
})

test.each(['subject', 'session', 'client'] as const)(
  'a revocation by %s applies to credentials issued until now plus the clock tolerance',
  (kind) => {
    expect(parts({ kind, id: 'x' })).toEqual({
      hash: keys.hashOf(kind, main.issuer, 'x').toString('hex'),
      before: 1_800_000_000 + 5 + 1,
      expires: lastAliveS,
    })
  },
)

test('a revocation of one login session applies whatever its issue time, and lasts until 60 s after the end of the session, even if the policy no longer contains its issuer', () => {
  const endsAtS = Math.ceil(nowS) + 1000
  for (const { issuer } of [main, other]) {
    const hash = keys.hashOf('session', issuer, 'x').toString('hex')
    const expected = { hash, before: ANY_TIME, expires: endsAtS + 60 }
    expect(parts({ kind: 'session', ids: ['x'], issuer, endsAtS })).toEqual(expected)
  }
})

test('a revocation of session ids without an issuer applies to each issuer with a login, and lasts for the longest possible session lifetime', () => {
  const login = { lifetime: { idleMs: 60_000, absoluteMs: 30 * 86_400_000 } } as LoginRules
  const known = issuers({ ...main, login }, other)
  const { record, issuer } = readOrder({ kind: 'session', ids: ['x', 'y'], issuer: undefined }, known, keys, {
    nowS,
    sessionEnds: new Map(),
  })

  const expires = Math.ceil(nowS + 30 * 86_400 + 10 + 60)
  const expected = ['x', 'y'].map((id) => writeRecord(keys.hashOf('session', main.issuer, id), ANY_TIME, expires))
  expect(record.toString('hex')).toBe(Buffer.concat(expected).toString('hex'))
  expect(issuer).toBe('main')
})

test('a revocation by the sid of an issuer lasts for the lifetime of login sessions if that is longer than the lifetime of any token', () => {
  const login = { lifetime: { idleMs: 60_000, absoluteMs: 30 * 86_400_000 } } as LoginRules
  const { expires } = parts({ kind: 'session', id: 'x' }, issuers({ ...main, login }))

  expect(expires).toBe(Math.ceil(nowS + 30 * 86_400 + 10 + 60))
})

test.each([
  { kind: 'session', id: 'x' },
  { kind: 'subject', id: 'x' },
  { kind: 'issuer', issuer: 'main', beforeS: 1_799_999_000 },
] as const)(
  'a revocation by $kind lasts until the last stored session of its issuer ends, even if the policy now allows only shorter sessions',
  (order) => {
    const login = { lifetime: { idleMs: 60_000, absoluteMs: 60_000 } } as LoginRules
    const ends = new Map([
      [main.issuer, 1_802_000_000],
      [other.issuer, 1_803_000_000],
    ])

    expect(parts(order, issuers({ ...main, login }), ends).expires).toBe(1_802_000_000 + 10 + 60)
  },
)

test('a revocation by issuer applies to credentials issued before the time in the order plus the clock tolerance', () => {
  expect(parts({ kind: 'issuer', issuer: 'main', beforeS: 1_799_999_000 })).toMatchObject({ before: 1_799_999_005 })
})

test('revocations of different kinds or issuers have different hashes for the same id', () => {
  const hashes = [
    parts({ kind: 'subject', id: 'x', issuer: 'main' }, two).hash,
    parts({ kind: 'subject', id: 'x', issuer: 'other' }, two).hash,
    parts({ kind: 'session', id: 'x', issuer: 'main' }, two).hash,
    parts({ kind: 'client', id: 'x', issuer: 'main' }, two).hash,
    parts({ kind: 'jti', id: 'x', issuer: 'main' }, two).hash,
  ]
  expect(new Set(hashes).size).toBe(hashes.length)
  expect(parts({ kind: 'subject', id: 'x', issuer: main.issuer }, two).hash).toBe(hashes[0])
})

test('a revocation of a token with an exp beyond 32 bits is stored with the largest expiry that a record can have', () => {
  expect(parts({ kind: 'token', token: token({ iss: main.issuer, exp: 1e15 }) }).expires).toBe(ANY_TIME - 1)
})

const malformed = 'revocation_malformed'
test.each<{ what: string; order: unknown; code: string; known?: ReadonlyMap<string, IssuerRules> }>([
  { what: 'no kind', order: { id: 'x' }, code: malformed },
  { what: 'an unknown kind', order: { kind: 'family', id: 'x' }, code: malformed },
  { what: 'no id', order: { kind: 'jti' }, code: malformed },
  { what: 'an empty id', order: { kind: 'jti', id: '' }, code: malformed },
  { what: 'an id that is not a string', order: { kind: 'jti', id: 7 }, code: malformed },
  { what: 'S-110: an id of 10 MB', order: { kind: 'jti', id: 'x'.repeat(10_000_000) }, code: malformed },
  { what: 'S-110: a newline in an id', order: { kind: 'jti', id: 'a\nb' }, code: malformed },
  { what: 'half a surrogate pair', order: { kind: 'subject', id: 'a\ud800' }, code: malformed },
  {
    what: 'S-110: exp 1e400',
    order: { kind: 'token', token: token({}, `{"iss":"${main.issuer}","exp":1e400}`) },
    code: malformed,
  },
  { what: 'a token without exp', order: { kind: 'token', token: token({ iss: main.issuer }) }, code: malformed },
  { what: 'a text that is not a token', order: { kind: 'token', token: 'opaque' }, code: malformed },
  { what: 'no token', order: { kind: 'token' }, code: malformed },
  { what: 'a reason with a newline', order: { kind: 'jti', id: 'x', reason: 'a\nb' }, code: malformed },
  { what: 'a reason of 201 characters', order: { kind: 'jti', id: 'x', reason: 'x'.repeat(201) }, code: malformed },
  {
    what: 'a time that is not a number',
    order: { kind: 'issuer', issuer: 'main', beforeS: Number.NaN },
    code: malformed,
  },
  {
    what: 'a time in the future',
    order: { kind: 'issuer', issuer: 'main', beforeS: nowS + 6 },
    code: 'revocation_in_future',
  },
  {
    what: 'a token of an unknown issuer',
    order: { kind: 'token', token: token({ iss: 'https://x.example', exp: nowS }) },
    code: 'revocation_issuer_unknown',
  },
  {
    what: 'an unknown issuer',
    order: { kind: 'jti', id: 'x', issuer: 'mian' },
    code: 'revocation_issuer_unknown',
  },
  {
    what: 'no issuer, if the policy has two',
    order: { kind: 'jti', id: 'x' },
    code: 'revocation_issuer_needed',
    known: two,
  },
])('the gate rejects a revocation order with $what', ({ order, code, known = one }) => {
  expect(() => readOrder(order as RevocationOrder, known, keys, { nowS, sessionEnds: new Map() })).toThrowError(
    expect.objectContaining({ code }),
  )
})

test('a revocation of an opaque token stores two records with the same expiry: for its canonical text and for its exact text', () => {
  const { record } = readOrder({ kind: 'token', token: 'ory_at_K0.S1' }, issuers({ ...main, tokens: 'opaque' }), keys, {
    nowS,
    sessionEnds: new Map(),
  })

  const hashes = [0, RECORD_BYTES].map((at) => record.toString('hex', at, at + 16))
  expect(record.length).toBe(2 * RECORD_BYTES)
  expect(hashes).toEqual(['Kw.Sw', 'ory_at_K0.S1'].map((text) => keys.hashOf('token', '', text).toString('hex')))
  expect(record.readUInt32BE(20)).toBe(record.readUInt32BE(RECORD_BYTES + 20))
})

test('a revocation of an opaque token is accepted if an issuer has opaque tokens, and lasts at least for the longest token lifetime of the issuer', () => {
  const asked = { ...main, tokens: 'opaque' as const, maxTokenLifetimeS: 3600 }
  const { hash, before, expires } = parts({ kind: 'token', token: 'token' }, issuers(asked))

  expect(hash).toBe(keys.hashOf('token', '', 'token').toString('hex'))
  expect(before).toBe(ANY_TIME)
  expect(expires).toBeGreaterThanOrEqual(nowS + 3600)
})
