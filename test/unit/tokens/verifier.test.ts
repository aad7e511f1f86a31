// docs/design/attack-cases.md, "Credentials and tokens": the gate verifies a token with the keys of its own issuer, or
// rejects it. Cached facts do not outlive the key, the issuer rules or exp.

import { createHmac, createPublicKey, type KeyObject } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { GatewayFault } from '../../../gateway/base/fault.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import type { KeySource } from '../../../gateway/issuers/key-source.ts'
import type { IssuerRules, TokenFacts } from '../../../gateway/oauth/token-facts.ts'
import { TokenVerifier } from '../../../gateway/tokens/verifier.ts'
import { ecKey, edKey, LoopbackIssuer, logged, rsaKey, until } from '../issuers/loopback-issuer.ts'
import { claimsOf, encode, nowMs, rulesOf, signed, unsigned } from '../oauth/token-text.ts'

const es = ecKey('es')
const rs = rsaKey('rs')
const ed = edKey('ed')

let server: LoopbackIssuer
let keys: IssuerKeys
let rules: IssuerRules
let issuers: Map<string, IssuerRules>
let verifier: TokenVerifier

/** Number of searches for candidate keys. Each verification makes one search. */
let verifications = 0
const counted: KeySource = {
  keySetOf(rules) {
    const set = keys.keySetOf(rules)
    return {
      candidates(keyId, algorithm) {
        verifications++
        return set.candidates(keyId, algorithm)
      },
      refetch: () => set.refetch(),
      refetchFor: (sender) => set.refetchFor(sender),
    }
  },
}

beforeEach(async () => {
  server = await LoopbackIssuer.start()
  server.keys = [es.jwk, rs.jwk, ed.jwk]
  keys = new IssuerKeys({ log: logged().log, cooldownMs: 60_000 })
  rules = rulesOf({ issuer: server.issuer })
  issuers = new Map([[rules.issuer, rules]])
  verifier = new TokenVerifier({ keys: counted, cacheEntries: 64, tokenMaxBytes: 8192 })
  await keys.keySetOf(rules).refetch()
  verifications = 0
})
afterEach(async () => {
  await keys.close()
  await server.close()
})

const claims = (changes: Record<string, unknown> = {}) => claimsOf({ iss: server.issuer, ...changes })
const header = (changes: Record<string, unknown> = {}) => ({ alg: 'ES256', typ: 'at+jwt', kid: 'es', ...changes })
const good = (changes: Record<string, unknown> = {}) => signed(header(), claims(changes), es.privateKey)
const verify = (token: string, atMs = nowMs) => verifier.verify(token, issuers, atMs)
const accepted = async (token: string, atMs = nowMs): Promise<TokenFacts> => {
  const outcome = await verify(token, atMs)
  if (typeof outcome === 'string') throw new Error(outcome)
  return outcome
}

test('RFC 9864: the gate verifies a token of alg Ed25519 with a key that its issuer publishes as EdDSA', async () => {
  server.keys = [{ ...ed.jwk, alg: 'EdDSA' }]
  rules = rulesOf({ issuer: server.issuer, algorithms: new Set(['Ed25519']) })
  issuers = new Map([[rules.issuer, rules]])

  const facts = await accepted(signed(header({ alg: 'Ed25519', kid: 'ed' }), claims(), ed.privateKey))
  expect(facts.subject).toBe('alice')
})

test.each([
  { alg: 'ES256', kid: 'es', key: es.privateKey },
  { alg: 'RS256', kid: 'rs', key: rs.privateKey },
  { alg: 'EdDSA', kid: 'ed', key: ed.privateKey },
])(
  'the gate accepts a valid token signed with $alg, and the claims become the facts of the token',
  async ({ alg, kid, key }) => {
    const facts = await accepted(signed(header({ alg, kid }), claims({ sid: 's', acr: 'a' }), key))
    expect(facts).toMatchObject({
      issuer: rules,
      subject: 'alice',
      client: 'reader',
      audience: ['https://api.example'],
      tokenId: 'token-1',
      sessionId: 's',
      acr: 'a',
      derived: [],
    })
    expect([...facts.scopes]).toEqual(['orders:read', 'reports:read'])
  },
)

test.each(['none', 'None', 'nOnE'])(
  'S-051: the gate rejects a token with alg %s, with and without a signature',
  (alg) => {
    expect(verify(unsigned(header({ alg }), claims()))).toBe('token-algorithm')
    expect(verify(`${encode(header({ alg }))}.${encode(claims())}.`)).toBe('token-malformed')
  },
)

test.each([
  { form: 'PEM', secret: (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }) },
  { form: 'DER', secret: (key: KeyObject) => key.export({ type: 'spki', format: 'der' }) },
  { form: 'JWK', secret: (key: KeyObject) => JSON.stringify(key.export({ format: 'jwk' })) },
])('S-052: the gate rejects an HS256 token that is signed with a public key as $form', ({ secret }) => {
  for (const { kid, key } of [
    { kid: 'es', key: es.privateKey },
    { kid: 'rs', key: rs.privateKey },
  ]) {
    const input = `${encode(header({ alg: 'HS256', kid }))}.${encode(claims())}`
    const mac = createHmac('sha256', secret(createPublicKey(key)))
      .update(input)
      .digest('base64url')
    expect(verify(`${input}.${mac}`)).toBe('token-algorithm')
  }
})

test('S-053: the gate rejects a token whose alg does not fit the key that its kid names', async () => {
  rules = rulesOf({ issuer: server.issuer, algorithms: new Set(['ES256']) })
  issuers = new Map([[rules.issuer, rules]])
  expect(verify(signed(header({ alg: 'RS256', kid: 'rs' }), claims(), rs.privateKey))).toBe('token-algorithm')
  expect(await verify(signed(header({ kid: 'rs' }), claims(), rs.privateKey))).toBe('token-key-unknown')
})

test('S-053: the gate rejects a token with alg PS256 that has an RS256 signature', async () => {
  expect(await verify(signed(header({ alg: 'PS256', kid: 'rs' }), claims(), rs.privateKey))).toBe('token-signature')
})

test('S-054: the gate does not use a key that the header of a token contains', async () => {
  const { privateKey, jwk } = ecKey('es')
  expect(await verify(signed(header({ jwk }), claims(), privateKey))).toBe('token-signature')
  expect(await verify(signed(header({ jwk, kid: undefined }), claims(), privateKey))).toBe('token-signature')
})

test.each(['jku', 'x5u'])(
  'S-055: the gate makes no connection to the URL of %s in the header of a token',
  async (name) => {
    const attacker = await LoopbackIssuer.start()
    const { privateKey, jwk } = ecKey('mallory')
    attacker.keys = [jwk]
    const token = signed(header({ [name]: `${attacker.issuer}/jwks`, kid: 'mallory' }), claims(), privateKey)
    expect(await verify(token)).toBe('token-key-unknown')
    expect(attacker.requests).toEqual([])
    await attacker.close()
  },
)

test.each(['../../dev/null', "' OR 1", 'k'.repeat(4096), '__proto__'])(
  'S-056: the gate rejects a token with kid %j as token-key-unknown',
  async (kid) => {
    expect(await verify(signed(header({ kid }), claims(), es.privateKey))).toBe('token-key-unknown')
  },
)

test('S-056: the gate verifies a token without kid only if exactly one key of the issuer fits', async () => {
  const token = signed(header({ kid: undefined }), claims(), es.privateKey)
  expect((await accepted(token)).subject).toBe('alice')
})

test('S-057: the gate rejects a token with crit in its header without fetching keys', () => {
  expect(verify(signed(header({ crit: ['exp'] }), claims(), es.privateKey))).toBe('token-critical-header')
})

test('S-058: the gate fetches the keys once for an unknown kid, and then rejects the token', async () => {
  keys = new IssuerKeys({ log: logged().log })
  const unknown = () => signed(header({ kid: 'new' }), claims(), es.privateKey)
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => verify(unknown())))
  expect(new Set(outcomes)).toEqual(new Set(['token-key-unknown']))
  expect(await verify(unknown())).toBe('token-key-unknown')
  expect(server.keyFetches).toBe(2) // The first key fetch was made before the test.
})

test('S-058: the gate fetches the keys again and accepts a token with a newly published kid', async () => {
  keys = new IssuerKeys({ log: logged().log })
  const added = ecKey('new')
  server.keys.push(added.jwk)
  expect((await accepted(signed(header({ kid: 'new' }), claims(), added.privateKey))).subject).toBe('alice')
})

test('S-058: while the issuer is unreachable, an unknown kid causes the fault issuer-unreachable, and tokens with known keys are accepted', async () => {
  await keys.close()
  keys = new IssuerKeys({ log: logged().log, cooldownMs: 0 })
  await keys.keySetOf(rules).refetch()
  server.instead.set('/jwks', (_, response) => response.destroy())
  const unknown = verify(signed(header({ kid: 'new' }), claims(), es.privateKey)) as Promise<unknown>
  const fault = await unknown.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(fault).toBeInstanceOf(GatewayFault)
  expect(fault).toMatchObject({ reason: 'issuer-unreachable', source: 'issuer' })
  expect((await accepted(good())).subject).toBe('alice')
})

test('S-059: the gate rejects an ID token (typ JWT) where it expects an access token', () => {
  expect(verify(signed(header({ typ: 'JWT' }), claims({ nonce: 'n' }), es.privateKey))).toBe('token-type')
})

test('S-060: the gate does not use a key of another issuer, even with the same kid', async () => {
  const other = await LoopbackIssuer.start()
  const theirs = ecKey('es')
  other.keys = [theirs.jwk]
  const otherRules = rulesOf({ name: 'other', issuer: other.issuer })
  issuers.set(otherRules.issuer, otherRules)
  expect(await verify(signed(header(), claims({ iss: other.issuer }), es.privateKey))).toBe('token-signature')
  expect(await verify(signed(header(), claims(), theirs.privateKey))).toBe('token-signature')
  expect((await accepted(signed(header(), claims({ iss: other.issuer }), theirs.privateKey))).issuer).toBe(otherRules)
  await other.close()
})

test.each([
  { what: 'the issuer identifier with a final slash', iss: () => `${server.issuer}/`, reason: 'token-issuer-unknown' },
  { what: 'missing', iss: () => undefined, reason: 'token-issuer-unknown' },
  { what: 'an array', iss: () => [server.issuer], reason: 'token-claims-malformed' },
  { what: '__proto__', iss: () => '__proto__', reason: 'token-issuer-unknown' },
  { what: 'not configured', iss: () => 'http://127.0.0.1:1', reason: 'token-issuer-unknown' },
])('S-060, S-073: the gate rejects a token without a request to an issuer if its iss is $what', ({ iss, reason }) => {
  expect(verify(good({ iss: iss() }))).toBe(reason)
  expect(server.keyFetches).toBe(1)
})

test('S-062: the gate rejects tokens with an expired exp or another aud before it checks the signature', () => {
  expect(verify(unsigned(header(), claims({ exp: nowMs / 1000 - 60 })))).toBe('token-expired')
  expect(verify(unsigned(header(), claims({ aud: 'x' })))).toBe('token-audience')
  expect(verifications).toBe(0)
})

test('S-064: the gate rejects other encodings of a verified token', async () => {
  const token = good()
  await accepted(token)
  for (const other of [`${token}=`, `${token}\n`, `${token} `, ` ${token}`])
    expect(verify(other)).toBe('token-malformed')
})

const order = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
const bytesOf = (n: bigint) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex')

test.each([
  { what: 'all zero', forge: () => Buffer.alloc(64) },
  { what: 'with r = 0', forge: (sig: Buffer) => Buffer.concat([Buffer.alloc(32), sig.subarray(32)]) },
  { what: 'with s = 0', forge: (sig: Buffer) => Buffer.concat([sig.subarray(0, 32), Buffer.alloc(32)]) },
  { what: 'with r = n', forge: (sig: Buffer) => Buffer.concat([bytesOf(order), sig.subarray(32)]) },
  { what: 'with s = n', forge: (sig: Buffer) => Buffer.concat([sig.subarray(0, 32), bytesOf(order)]) },
  { what: 'in DER form', forge: der },
  { what: 'of 63 bytes', forge: (sig: Buffer) => sig.subarray(1) },
  { what: 'of 65 bytes', forge: (sig: Buffer) => Buffer.concat([sig, Buffer.alloc(1)]) },
  { what: 'of 1 byte', forge: () => Buffer.alloc(1) },
  { what: 'of 4 kB', forge: () => Buffer.alloc(4096, 1) },
])('S-065: the gate rejects an ES256 signature $what', async ({ forge }) => {
  const [h, p, s] = good().split('.') as [string, string, string]
  expect(await verify(`${h}.${p}.${forge(Buffer.from(s, 'base64url')).toString('base64url')}`)).toBe('token-signature')
})

function der(raw: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const padded = bytes[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, padded.length]), padded])
  }
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

test('S-066: a token with the mirrored ECDSA signature (s → n−s) is valid and gets its own cache entry', async () => {
  const token = good()
  const [h, p, s] = token.split('.') as [string, string, string]
  const raw = Buffer.from(s, 'base64url')
  const mirrored = bytesOf(order - BigInt(`0x${raw.subarray(32).toString('hex')}`))
  const twin = `${h}.${p}.${Buffer.concat([raw.subarray(0, 32), mirrored]).toString('base64url')}`
  expect(await accepted(twin)).not.toBe(await accepted(token))
})

test('S-067: the gate tries both keys that an issuer publishes with one kid', async () => {
  const second = ecKey('es')
  server.keys.push(second.jwk)
  keys = new IssuerKeys({ log: logged().log })
  expect((await accepted(signed(header(), claims(), second.privateKey))).subject).toBe('alice')
  expect((await accepted(good())).subject).toBe('alice')
  expect(await verify(signed(header(), claims(), ecKey().privateKey))).toBe('token-signature')
})

test('S-069: the gate rejects a token of more than 8,192 characters before parsing it', () => {
  expect(verify('x'.repeat(8193))).toBe('token-too-long')
  expect(verify('x'.repeat(8192))).toBe('token-malformed')
})

test('S-072: the gate rejects encrypted and nested tokens without decrypting them', () => {
  const jwe = encode({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_000_000_000, p2s: 'AAAA' })
  expect(verify(`${jwe}.AAAA.AAAA.AAAA.AAAA`)).toBe('token-malformed')
  expect(verify(unsigned(header({ alg: 'PBES2-HS256+A128KW', p2c: 2_000_000_000 }), claims()))).toBe('token-algorithm')
  expect(verify(unsigned(header({ zip: 'DEF' }), claims()))).toBe('token-malformed')
  expect(verify(unsigned(header({ cty: 'JWT' }), good()))).toBe('token-malformed')
})

test('the gate returns the facts of a cached token synchronously, without a second verification', async () => {
  const token = good()
  const facts = await accepted(token)
  expect(verify(token)).toBe(facts)
  expect(verify(token, nowMs + 600_000)).toBe(facts)
  expect(verifications).toBe(1)
})

test('the facts of a token stay cached until the token expires, at exp plus the clock tolerance', async () => {
  const token = good()
  await accepted(token)
  expect(verify(token, nowMs + 604_999)).toBeTypeOf('object')
  expect(verify(token, nowMs + 605_000)).toBe('token-expired')
})

test('S-105: the gate uses cached token facts only under the issuer rules that validated them', async () => {
  const token = good()
  const facts = await accepted(token)
  const stricter = { ...rules, audience: new Set(['https://other.example']) }
  expect(verifier.verify(token, new Map([[stricter.issuer, stricter]]), nowMs)).toBe('token-audience')
  expect(verifier.verify(token, new Map(), nowMs)).toBe('token-issuer-unknown')
  const same = { ...rules }
  const again = await verifier.verify(token, new Map([[same.issuer, same]]), nowMs)
  expect(again).toMatchObject({ subject: 'alice' })
  expect(again).not.toBe(facts)
})

test('S-112: the gate drops cached token facts when their verification key is withdrawn', async () => {
  await keys.close()
  keys = new IssuerKeys({ log: logged().log, cooldownMs: 0 })
  const token = good()
  const facts = await accepted(token)
  server.keys = [ecKey('next').jwk]
  await keys.keySetOf(rules).refetch()
  expect(facts.key.live).toBe(false)
  expect(await verify(token)).toBe('token-key-unknown')
})

test('S-108: the gate rejects a token whose key is withdrawn while the gate verifies the token', async () => {
  await keys.close()
  keys = new IssuerKeys({ log: logged().log, cooldownMs: 0 })
  await keys.keySetOf(rules).refetch()
  const live = keys.keySetOf(rules).candidates('es', 'ES256')[0]!
  const withdrawing: KeySource = {
    keySetOf: () => ({
      candidates: () => [{ ...live, live: false }],
      refetch: () => Promise.resolve('succeeded' as const),
      refetchFor: () => Promise.resolve('succeeded' as const),
    }),
  }
  const late = new TokenVerifier({ keys: withdrawing, cacheEntries: 4, tokenMaxBytes: 8192 })
  expect(await late.verify(good(), issuers, nowMs)).toBe('token-key-unknown')
})

test('a token that expires during a key fetch causes the fault expired-while-waiting (503), not a denial (401)', async () => {
  await keys.close()
  keys = new IssuerKeys({ log: logged().log })
  let waiting = false
  server.instead.set('/jwks', (_, response) => {
    waiting = true
    setTimeout(() => response.end(JSON.stringify({ keys: server.keys })), 100)
  })
  const failed = expect(verify(good(), nowMs + 604_950)).rejects.toMatchObject({ reason: 'expired-while-waiting' })
  await until(() => waiting)
  await failed
})

test('concurrent first uses of a token share one verification', async () => {
  const token = good()
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => verify(token)))
  expect(new Set(outcomes).size).toBe(1)
  expect(verifications).toBe(1)
})

test('S-111: 300 tokens with an invalid signature evict no valid token from the cache', async () => {
  const tokens = Array.from({ length: 8 }, (_, i) => good({ jti: `t${i}` }))
  const facts = await Promise.all(tokens.map((token) => accepted(token)))
  const [h, p] = good().split('.') as [string, string]
  for (let i = 0; i < 300; i++) {
    const signature = Buffer.alloc(64, i + 1)
    signature.writeUInt32BE(i, 0)
    expect(await verify(`${h}.${p}.${signature.toString('base64url')}`)).toBe('token-signature')
  }
  expect(tokens.map((token) => verify(token))).toEqual(facts)
})

test('S-136: the gate parses claims with 400 integer-like names, and rejects a token above the token size limit', async () => {
  const names = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [String(i * 65_536), 0]))
  expect((await accepted(good(names))).subject).toBe('alice')
  const more = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [String(i), 0]))
  expect(verify(unsigned(header(), claims(more)))).toBe('token-too-long')
})
