// RFC 9449 §4.3, §7: DPoP proofs at a running node. docs/design/attack-cases.md, S-077 to S-080. Unless a case says
// otherwise, its request differs from a valid one in a single property, which must be the reason for the refusal.

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { DpopClient, dpopFields, type ProofOverrides } from '../kit/dpop.ts'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { foundEpoch } from '../kit/node-cluster.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { sharedSecret, signingKey, unsigned } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, forbidden, type Gate, identity, type Refusal, refused } from './admission.ts'

const algorithms = 'algs="ES256 EdDSA Ed25519 PS256 RS256"'
const [issuer, orders, redis] = await Promise.all([startIssuer(), startUpstream(), testRedis()])
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)

const service = (more: object, routes: object[]) => ({ upstreams: [orders.url], ...more, routes })
const scopes = { scopes: { all: ['orders:read'] } }
const node = await startNode({
  settings: { redis: { url: redis.url }, limits: { address: { burst: 1_000_000 } } },
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
    services: {
      orders: service({}, [
        { id: 'orders', match: { path: '/orders/**' }, require: scopes },
        { id: 'bound', match: { path: '/bound/**' }, require: { all: [scopes, { dpop: true }] } },
      ]),
      passed: service({ credentials: 'token' }, [{ id: 'passed', match: { path: '/passed/**' }, require: scopes }]),
    },
  },
})
const gate: Gate = { node, services: [orders] }
const origin = `http://127.0.0.1:${node.port}`
const target = '/orders/1'
const url = origin + target
const client = new DpopClient()
const token = client.tokenOf(issuer)

const proofRefused = (reason: string, error = 'invalid_dpop_proof'): Refusal => ({
  status: 401,
  code: error,
  reason,
  challenge: `DPoP error="${error}", ${algorithms}`,
})
const dpopToken = (reason: string): Refusal => proofRefused(reason, 'invalid_token')

const refusesProof = (proof: string, reason: string): Promise<void> =>
  refused(gate, { target, fields: dpopFields(token, proof) }, proofRefused(reason))

test.each(['ES256', 'EdDSA', 'RS256', 'PS256'] as const)(
  'the gate admits a token that is bound to a key of %s with a valid DPoP proof, and the service gets only the assertion',
  async (algorithm) => {
    const other = new DpopClient(algorithm)
    const bound = other.tokenOf(issuer)
    for (let i = 0; i < 3; i++) {
      const { received } = await admitted(gate, { target, fields: dpopFields(bound, other.proof(url, bound)) })

      expect(await identity(gate, received)).toMatchObject({ sub: 'alice' })
      expect([...received.all('authorization'), ...received.all('dpop')]).toEqual([])
    }
  },
)

test('S-077: the gate rejects a DPoP-bound token with the scheme Bearer, even with a valid proof', async () => {
  await refused(gate, { target, token }, dpopToken('proof-missing'))
  const fields = [['DPoP', client.proof(url, token)]] as const
  await refused(gate, { target, token, fields }, dpopToken('proof-missing'))
})

test('S-078: the gate rejects the scheme DPoP with an unbound token, without a proof, and with two proofs', async () => {
  const unbound = issuer.sign()
  await refused(gate, { target, fields: dpopFields(unbound, client.proof(url, unbound)) }, dpopToken('binding-missing'))
  await refused(gate, { target, fields: [['Authorization', `DPoP ${token}`]] }, dpopToken('proof-missing'))
  const two = [...dpopFields(token, client.proof(url, token)), ['DPoP', client.proof(url, token)] as const]
  await refused(
    gate,
    { target, fields: two },
    { status: 400, code: 'invalid_request', reason: 'credential-repeated', closes: true },
  )
})

test.each<[title: string, claims: Record<string, unknown>, reason: string]>([
  ['htm in lower case', { htm: 'get' }, 'proof-method'],
  ['another method', { htm: 'POST' }, 'proof-method'],
  ['no htm', { htm: undefined }, 'proof-malformed'],
  ['another host', { htu: `http://other.test:${node.port}${target}` }, 'proof-url'],
  ['the host of the field Host', { htu: `http://api.test${target}` }, 'proof-url'],
  ['another path', { htu: `${origin}/orders/2` }, 'proof-url'],
  ['a path with a trailing slash', { htu: `${url}/` }, 'proof-url'],
  ['another port', { htu: `http://127.0.0.1:${node.port + 1}${target}` }, 'proof-url'],
  ['another scheme', { htu: `https://127.0.0.1:${node.port}${target}` }, 'proof-url'],
  ['a user in htu', { htu: `http://u@127.0.0.1:${node.port}${target}` }, 'proof-url'],
  ['the path alone as htu', { htu: target }, 'proof-url'],
  ['no htu', { htu: undefined }, 'proof-malformed'],
])('S-079: the gate rejects a DPoP proof with %s', (_, claims, reason) =>
  refusesProof(client.proof(url, token, { claims }), reason),
)

test.each([
  ['a query', `${url}?a=b`],
  ['a fragment', `${url}#x`],
  ['an escaped letter', `${origin}/%6frders/1`],
  ['a dot segment', `${origin}/orders/x/../1`],
  ['a scheme in upper case', url.replace('http:', 'HTTP:')],
])('S-079: the gate ignores %s in the claim htu of a DPoP proof', async (_, htu) => {
  await admitted(gate, { target, fields: dpopFields(token, client.proof(url, token, { claims: { htu } })) })
})

test('S-079: X-Forwarded-Host of an unlisted peer does not change the htu that the gate expects in a DPoP proof', async () => {
  const htu = 'http://evil.test/orders/1'
  const fields = [...dpopFields(token, client.proof(htu, token)), ['X-Forwarded-Host', 'evil.test'] as const]
  await refused(gate, { target, fields }, proofRefused('proof-url'))
})

const nowS = Math.floor(Date.now() / 1000)
const stranger = new DpopClient()
const { d: secret } = client.key.privateJwk
const small = signingKey('RS256')
test.each<[title: string, overrides: ProofOverrides, reason: string]>([
  ['no ath', { claims: { ath: undefined } }, 'proof-token'],
  [
    'the hash of another token as ath',
    { claims: { ath: createHash('sha256').update('x').digest('base64url') } },
    'proof-token',
  ],
  ['an ath with padding', { claims: { ath: createHash('sha256').update(token).digest('base64') } }, 'proof-token'],
  ['alg HS256', { header: { alg: 'HS256' }, key: sharedSecret('x') }, 'proof-malformed'],
  ['alg none', { header: { alg: 'none' }, key: unsigned }, 'proof-malformed'],
  ['the private part of the key', { header: { jwk: { ...client.jwk, d: secret } } }, 'proof-malformed'],
  ['a symmetric key', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }, 'proof-malformed'],
  ['no key', { header: { jwk: undefined } }, 'proof-malformed'],
  ['typ JWT', { header: { typ: 'JWT' } }, 'proof-malformed'],
  ['typ at+jwt', { header: { typ: 'at+jwt' } }, 'proof-malformed'],
  ['no typ', { header: { typ: undefined } }, 'proof-malformed'],
  ['crit', { header: { crit: ['x'] } }, 'proof-malformed'],
  ['an alg of another kind of key', { header: { alg: 'RS256' } }, 'proof-malformed'],
  ['an alg that the gate does not accept', { header: { alg: 'ES384' } }, 'proof-malformed'],
  ['another key', { header: { jwk: stranger.jwk }, key: stranger.key }, 'proof-key'],
  ['an RSA key', { header: { alg: 'RS256', jwk: small.publicJwk }, key: small }, 'proof-key'],
  ['a signature of another key', { key: stranger.key }, 'proof-signature'],
  ['iat 10 minutes ago', { claims: { iat: nowS - 600 } }, 'proof-time'],
  ['iat in 10 minutes', { claims: { iat: nowS + 600 } }, 'proof-time'],
  ['a text as iat', { claims: { iat: String(nowS) } }, 'proof-malformed'],
  ['no iat', { claims: { iat: undefined } }, 'proof-malformed'],
  ['no jti', { claims: { jti: undefined } }, 'proof-malformed'],
  ['an empty jti', { claims: { jti: '' } }, 'proof-malformed'],
  ['a jti of 1000 characters', { claims: { jti: 'x'.repeat(1000) } }, 'proof-malformed'],
])('S-080: the gate rejects a DPoP proof with %s', (_, overrides, reason) =>
  refusesProof(client.proof(url, token, overrides), reason),
)

test('S-080: the gate rejects a DPoP proof of 10 kB, and DPoP fields that contain no JWS', async () => {
  await refusesProof(client.proof(url, token, { claims: { jti: 'x'.repeat(7000) } }), 'proof-malformed')
  for (const text of ['', 'x', '..', 'a.b.c', token]) await refusesProof(text, 'proof-malformed')
})

test('S-080: the gate rejects a DPoP proof with an RSA key of 1024 bits, even if the token is bound to this key', async () => {
  const { generateKeyPairSync, sign } = await import('node:crypto')
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const { e, kty, n } = publicKey.export({ format: 'jwk' })
  const jkt = createHash('sha256').update(JSON.stringify({ e, kty, n })).digest('base64url')
  const weak = issuer.sign({ claims: { cnf: { jkt } } })
  const key = { ...signingKey('RS256'), sign: (data: Buffer) => sign('sha256', data, privateKey) }
  const proof = client.proof(url, weak, { header: { alg: 'RS256', jwk: { e, kty, n } }, key })

  await refused(gate, { target, fields: dpopFields(weak, proof) }, proofRefused('proof-malformed'))
})

test('S-081: the gate admits a DPoP proof once, and also rejects another encoding of a proof that was used', async () => {
  const proof = client.proof(url, token)
  await admitted(gate, { target, fields: dpopFields(token, proof) })

  await refused(gate, { target, fields: dpopFields(token, proof) }, proofRefused('proof-replayed'))
  await refused(gate, { target, fields: dpopFields(token, mirrored(proof)) }, proofRefused('proof-replayed'))
  await refusesProof(`${proof}=`, 'proof-malformed')
})

test('a request that the route does not authorize does not use up its DPoP proof', async () => {
  const weak = client.tokenOf(issuer, { claims: { scope: 'other' } })
  const proof = client.proof(url, weak)
  const insufficient: Refusal = {
    status: 403,
    code: 'insufficient_scope',
    reason: 'scope-missing',
    challenge: `DPoP error="insufficient_scope", scope="orders:read", ${algorithms}`,
  }

  for (let i = 0; i < 2; i++) await refused(gate, { target, fields: dpopFields(weak, proof) }, insufficient)
  expect(await link.store.call('KEYS', 'gh:{p*')).not.toContain(
    link.keys.usedProof(
      createHash('sha256')
        .update(client.thumbprint + jtiOf(proof))
        .digest('hex')
        .slice(0, 32),
    ),
  )
})

test('the gate rejects an invalid token before it reads the DPoP proof', async () => {
  const expired = client.tokenOf(issuer, { claims: { exp: nowS - 3600, iat: nowS - 7200 } })

  await refused(
    gate,
    { target, fields: dpopFields(expired, 'no proof') },
    { ...badToken('token-expired'), challenge: `DPoP error="invalid_token", ${algorithms}` },
  )
})

test('a route with dpop: true rejects bearer tokens, and its challenges name only DPoP', async () => {
  const path = '/bound/1'
  const fields = dpopFields(token, client.proof(origin + path, token))
  await admitted(gate, { target: path, fields })
  await refused(gate, { target: path, token: issuer.sign() }, dpopToken('dpop-required'))
  await refused(
    gate,
    { target: path },
    { status: 401, code: 'credential_required', reason: 'credential-missing', challenge: `DPoP ${algorithms}` },
  )
})

test('a DPoP-bound token is refused on a route that forwards the token of the client to the service', async () => {
  const path = '/passed/1'
  await admitted(gate, { target: path, token: issuer.sign() })
  const fields = dpopFields(token, client.proof(origin + path, token))
  await refused(gate, { target: path, fields }, forbidden('binding-forwarded'))
})

test('the resource metadata lists the algorithms of DPoP proofs, and whether bound tokens are required (RFC 9728 §2)', async () => {
  const metadata = async (path: string) =>
    (await request(node.port, requestBytes({ target: `/.well-known/oauth-protected-resource${path}` }))).json()
  const supported = ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256']

  const required = { dpop_signing_alg_values_supported: supported, dpop_bound_access_tokens_required: true }
  expect(await metadata('/bound/1')).toMatchObject(required)
  expect(await metadata('/orders/1')).toMatchObject({ dpop_signing_alg_values_supported: supported })
  expect(await metadata('/orders/1')).not.toHaveProperty('dpop_bound_access_tokens_required')
  expect(await metadata('/passed/1')).not.toHaveProperty('dpop_signing_alg_values_supported')
})

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The other valid signature of an ECDSA proof: `s` is replaced by `n - s`. */
function mirrored(proof: string): string {
  const [head, claims, signature] = proof.split('.') as [string, string, string]
  const bytes = Buffer.from(signature, 'base64url')
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  bytes.write(s.toString(16).padStart(64, '0'), 32, 'hex')
  return `${head}.${claims}.${bytes.toString('base64url')}`
}

function jtiOf(proof: string): string {
  return (JSON.parse(Buffer.from(proof.split('.')[1]!, 'base64url').toString()) as { jti: string }).jti
}
