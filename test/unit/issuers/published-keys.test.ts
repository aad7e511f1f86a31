// S-067, RFC 7517 §4, RFC 7518 §3: which keys of an issuer's key set the gate uses, and with which algorithms.

import { expect, test } from 'vitest'
import { PublishedKeySet } from '../../../gateway/issuers/published-key-set.ts'
import { ecKey, edKey, rsaKey } from './loopback-issuer.ts'

const algorithms = new Set(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'HS256'])
const read = (keys: unknown[], before?: PublishedKeySet) => PublishedKeySet.read({ keys }, algorithms, before)

/**
 * Returns an RSA modulus with the ROCA weakness, in base64url: 2048 bits, and modulo each odd prime below 700 a power
 * of 65537.
 */
function rocaModulus(): string {
  let product = 1n
  let residue = 1n
  for (let prime = 3n; prime < 700n; prime += 2n) if (isPrime(prime)) product *= prime
  for (let i = 0; i < 1000; i++) residue = (residue * 65_537n) % product
  const multiple = (1n << 2047n) / product + 1n
  const modulus = multiple * product + residue
  const odd = modulus % 2n === 1n ? modulus : modulus + product
  return Buffer.from(odd.toString(16), 'hex').toString('base64url')
}

function isPrime(number: bigint): boolean {
  for (let divisor = 3n; divisor * divisor <= number; divisor += 2n) if (number % divisor === 0n) return false
  return true
}

test('the gate uses a published key with each algorithm that fits the key', async () => {
  const keys = [rsaKey('r').jwk, ecKey('e').jwk, edKey('d').jwk, { ...rsaKey('p').jwk, alg: 'PS256' }]
  const set = await read(keys)
  expect(set.keys.map((key) => `${key.keyId} ${key.algorithm}`)).toEqual([
    'r RS256',
    'r PS256',
    'e ES256',
    'd EdDSA',
    'p PS256',
  ])
  expect(set.ignored).toEqual([])
})

test.each([
  ['without alg', ['EdDSA', 'Ed25519'], {}],
  ['of alg EdDSA', ['EdDSA', 'Ed25519'], { alg: 'EdDSA' }],
  ['of alg Ed25519', ['Ed25519'], { alg: 'Ed25519' }],
])('RFC 9864: a published Ed25519 key %s verifies tokens of %j', async (_, expected, member) => {
  const set = await PublishedKeySet.read({ keys: [{ ...edKey('d').jwk, ...member }] }, new Set(['EdDSA', 'Ed25519']))

  expect(set.keys.map(({ algorithm }) => algorithm)).toEqual(expected)
  for (const algorithm of expected) expect(set.candidates('d', algorithm)).toHaveLength(1)
})

test('the gate ignores a published key with alg EdDSA if the issuer entry does not allow EdDSA', async () => {
  const set = await PublishedKeySet.read({ keys: [{ ...edKey('d').jwk, alg: 'EdDSA' }] }, new Set(['ES256']))

  expect(set.ignored).toEqual([{ kid: 'd', why: 'none of its algorithms is allowed by the issuer entry' }])
})

const symmetric = { kty: 'oct', kid: 'o', k: 'AAAA', alg: 'HS256' }
const ec = ecKey('k').jwk
const rsa = rsaKey('k').jwk

test.each([
  { what: 'RSA of 1,024 bits', jwk: rsaKey('k', 1024).jwk, why: 'the minimum is 2048' },
  { what: 'RSA with a modulus of the ROCA form', jwk: { ...rsaKey('k').jwk, n: rocaModulus() }, why: 'CVE-2017-15361' },
  { what: 'RSA with exponent 1', jwk: { ...rsa, e: 'AQ' }, why: 'RSA exponent' },
  { what: 'P-256 marked ES384', jwk: { ...ec, alg: 'ES384' }, why: 'alg does not match' },
  { what: 'EC marked RS256', jwk: { ...ec, alg: 'RS256' }, why: 'alg does not match' },
  { what: 'RSA marked RSA-OAEP', jwk: { ...rsa, alg: 'RSA-OAEP' }, why: 'alg does not match' },
  { what: 'use enc', jwk: { ...ec, use: 'enc' }, why: 'use is not "sig"' },
  { what: 'key_ops sign', jwk: { ...ec, key_ops: ['sign'] }, why: 'key_ops does not contain "verify"' },
  { what: 'key_ops text', jwk: { ...ec, key_ops: 'verify' }, why: 'key_ops does not contain "verify"' },
  { what: 'oct', jwk: symmetric, why: 'not a public key' },
  { what: 'private EC', jwk: { ...ec, d: 'AAAA' }, why: 'not a public key' },
  { what: 'private RSA', jwk: { ...rsa, p: 'AAAA' }, why: 'not a public key' },
  { what: 'number as kid', jwk: { ...ec, kid: 1 }, why: 'kid is not a string' },
  { what: 'unknown curve', jwk: ecKey('k', 'secp256k1').jwk, why: 'unknown kty or crv' },
  { what: 'unknown kty', jwk: { kty: '__proto__', kid: 'k' }, why: 'unknown kty or crv' },
  { what: 'untrusted algorithm', jwk: ecKey('k', 'P-521').jwk, why: 'allowed by the issuer entry' },
  { what: 'a point off the curve', jwk: { ...ec, y: ec['x'] }, why: '' },
  { what: 'no x', jwk: { ...ec, x: undefined }, why: '' },
  { what: 'number', jwk: 7, why: 'not a JSON object' },
  { what: 'null', jwk: null, why: 'not a JSON object' },
])(
  'S-067: the gate ignores a published key with the fault "$what", and uses the other keys of the set',
  async ({ jwk, why }) => {
    const set = await read([jwk, ecKey('good').jwk])
    expect(set.keys.map((key) => key.keyId)).toEqual(['good'])
    expect(set.ignored).toHaveLength(1)
    expect(set.ignored[0]!.why).toContain(why)
  },
)

test('the gate uses a published JWK although it has members that the gate does not know', async () => {
  const set = await read([{ ...ec, use: 'sig', key_ops: ['verify', 'sign'], ext: false, x5c: ['AAAA'], oth2: 1 }])
  expect(set.candidates('k', 'ES256')).toHaveLength(1)
})

test('S-067: published keys with the same kid are all candidates to verify a token, at most four', async () => {
  expect((await read([ecKey('k').jwk, ecKey('k').jwk])).candidates('k', 'ES256')).toHaveLength(2)
  expect((await read(Array.from({ length: 6 }, () => ecKey('k').jwk))).candidates('k', 'ES256')).toHaveLength(4)
})

test('S-056: for a token without kid, a published key is a candidate only if no other key fits', async () => {
  const one = await read([ecKey('a').jwk, edKey('b').jwk])
  expect(one.candidates(undefined, 'ES256')).toHaveLength(1)
  expect(one.candidates(undefined, 'RS256')).toHaveLength(0)
  expect((await read([ecKey('a').jwk, ecKey('b').jwk])).candidates(undefined, 'ES256')).toHaveLength(0)
})

test.each(['../../dev/null', "' OR 1", 'k'.repeat(4096), '__proto__', 'constructor', ''])(
  'S-056: a token with kid %j matches no published key',
  async (kid) => {
    expect((await read([ec])).candidates(kid, 'ES256')).toEqual([])
  },
)

test('a token whose kid names a published key of another algorithm matches no key', async () => {
  const set = await read([ec, { ...symmetric, kid: 'k' }])
  expect(set.candidates('k', 'ES384')).toEqual([])
  expect(set.candidates('k', 'HS256')).toEqual([])
})

test('S-112: when a key set is replaced, an unchanged key stays valid, and a removed or changed key is retired', async () => {
  const [stays, goes, changes] = [ecKey('stays').jwk, ecKey('goes').jwk, ecKey('changes').jwk]
  const before = await read([stays, goes, changes])
  const after = await read([{ ...stays, use: 'sig' }, { ...ecKey('changes').jwk }], before)
  before.retireBut(after)
  const of = (set: PublishedKeySet, kid: string) => set.candidates(kid, 'ES256')[0]
  expect(of(after, 'stays')).toBe(of(before, 'stays'))
  expect(of(before, 'stays')!.live).toBe(true)
  expect(of(before, 'goes')!.live).toBe(false)
  expect(of(before, 'changes')!.live).toBe(false)
  expect(of(after, 'changes')!.live).toBe(true)
})

test.each([null, [], 'x', {}, { keys: {} }])(
  'the gate rejects the JSON value %j as the key set of an issuer',
  async (document) => {
    await expect(PublishedKeySet.read(document, algorithms)).rejects.toThrow('not a JSON Web Key Set')
  },
)

test("S-068: the gate rejects an issuer's key set with 101 keys", async () => {
  await expect(read(Array.from({ length: 101 }, () => ec))).rejects.toThrow('101 keys')
})
