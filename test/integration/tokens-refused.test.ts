import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { startIssuer, type TestIssuer, type TokenOverrides, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { compactJws, sharedSecret, signingKey, unsigned } from '../kit/signing-key.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, identity, missingScope, refused } from './admission.ts'

// docs/design/attack-cases.md, "Credentials and tokens": invalid access tokens at a running node. Unless a case says
// otherwise, its token differs from a valid one in a single property, which must be the reason for the refusal.

const toleranceS = 60

const [main, es256Only, lenient] = await Promise.all([
  // A careless verifier would use the RSA public key of this issuer as a shared secret.
  startIssuer({ algorithms: ['RS256', 'ES256'] }),
  startIssuer({ algorithms: ['RS256', 'ES256'] }),
  startIssuer({ algorithms: ['ES256'] }),
])
const [rsaKey, ecKey] = main.keys as [TestIssuer['keys'][number], TestIssuer['keys'][number]]
const [orders, elsewhere] = await Promise.all([startUpstream(), startUpstream()])

const entry = (issuer: TestIssuer, more: object = {}) => ({ issuer: issuer.url, audience: [testAudience], ...more })
const node = await startNode({
  settings: { limits: { address: { burst: 1_000_000 } } },
  policy: {
    version: 1,
    issuers: {
      main: entry(main, { clock_tolerance: `${toleranceS}s` }),
      es256: entry(es256Only, { algorithms: ['ES256'] }),
      lenient: entry(lenient, { profile: 'any' }),
    },
    services: {
      orders: {
        issuers: ['main', 'es256', 'lenient'],
        upstreams: [orders.url],
        roles: { object: { claim: 'constructor.name', any: ['Object'] } },
        routes: [
          { id: 'read', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } },
          { id: 'write', match: { path: '/write/**' }, require: { scopes: { all: ['orders:write'] } } },
          { id: 'role', match: { path: '/role' }, require: { roles: { all: ['object'] } } },
        ],
      },
    },
  },
})
const gate: Gate = { node, services: [orders] }
const target = '/orders/1'
const nowS = Math.floor(Date.now() / 1000)

const claims = (changed: Record<string, unknown>): TokenOverrides => ({ claims: changed })
const header = (changed: Record<string, unknown>): TokenOverrides => ({ header: changed })

function refusesToken(token: string, reason: string): Promise<void> {
  return refused(gate, { target, token }, badToken(reason))
}

/** Returns header, claims and signature of a valid token. */
function parts(): [string, string, string] {
  return main.sign().split('.') as [string, string, string]
}

/** Returns a signed token whose claims are those of a valid token with `json` appended. */
function withClaims(json: string): string {
  const good = JSON.stringify(JSON.parse(Buffer.from(parts()[1], 'base64url').toString()))
  return main.sign({ raw: { claims: `${good.slice(0, -1)},${json}}` } })
}

test('the unmodified tokens that the refused tokens in this file are derived from are admitted', async () => {
  await admitted(gate, { target, token: main.sign() })
  await admitted(gate, { target, token: main.sign({ key: rsaKey }) })
  await admitted(gate, { target, token: es256Only.sign() })
  await admitted(gate, { target, token: lenient.sign({ header: { typ: 'JWT' } }) })
})

test.concurrent.each([
  { title: 'one part', token: 'x' },
  { title: 'two parts', token: 'e30.e30' },
  { title: 'four parts', token: `${main.sign()}.e30` },
  { title: 'empty parts', token: '..' },
  { title: 'a header that is not JSON', token: `bm90.${parts().slice(1).join('.')}` },
  { title: 'an opaque token', token: '2YotnFZFEjr1zCsicMWpAA' },
])('the gate refuses a token that is not a JWS: $title', ({ token }) => refusesToken(token, 'token-malformed'))

test.concurrent.each(['none', 'None', 'nOnE', 'NONE'])(
  'S-051: the gate refuses a token with alg %s, with and without a signature',
  async (alg) => {
    const bare = main.sign({ key: unsigned, header: { alg } })
    const [, , signature] = parts()

    await refusesToken(`${bare}${signature}`, 'token-algorithm')
    // The gate accepts no JWS with an empty signature.
    await refusesToken(bare, 'token-malformed')
  },
)

const publicForms = [rsaKey, ecKey].flatMap(({ publicJwk }) => {
  const { kty, n, e, crv, x, y } = publicJwk
  return [
    JSON.stringify(publicJwk),
    JSON.stringify(kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }),
    ...derAndPem(publicJwk),
  ]
})

test.concurrent.each(['HS256', 'RS256', 'ES256'])(
  'S-052: the gate refuses an HMAC with alg %s whose secret is a public key of the issuer',
  async (alg) => {
    for (const [i, secret] of publicForms.entries()) {
      const { kid } = i < publicForms.length / 2 ? rsaKey : ecKey
      const token = main.sign({ key: sharedSecret(secret, kid), header: { alg } })
      await refusesToken(token, alg === 'HS256' ? 'token-algorithm' : expectedOf(kid, alg))
    }
  },
)

/** Returns the expected reason: an invalid signature if `alg` fits the key of `kid`, otherwise no matching key. */
function expectedOf(kid: string, alg: string): string {
  return (kid === rsaKey.kid) === (alg === 'RS256') ? 'token-signature' : 'token-key-unknown'
}

test.concurrent.each([
  { title: 'RS256 of an issuer that is configured for ES256', token: es256Only.sign({ key: es256Only.keys[0]! }) },
  { title: 'ES256K', token: main.sign(header({ alg: 'ES256K' })) },
  { title: 'ES384, which is not configured', token: main.sign({ key: signingKey('ES384') }) },
  { title: 'a list of ES256 and none', token: main.sign(header({ alg: ['ES256', 'none'] })) },
  { title: 'no alg', token: main.sign(header({ alg: undefined })) },
])('S-053: the gate refuses a token with an algorithm that is not configured for the issuer: $title', ({ token }) =>
  refusesToken(token, 'token-algorithm'),
)

test.concurrent('S-053: the gate refuses a PS256 token whose key is published for RS256', () =>
  refusesToken(main.sign({ key: rsaKey, header: { alg: 'PS256' } }), 'token-key-unknown'))

test.concurrent('S-054: the gate never uses a key (jwk) in the header of a token', async () => {
  const attackerKey = signingKey('ES256')
  const jwk = { ...attackerKey.publicJwk, kid: ecKey.kid }

  await refusesToken(main.sign({ key: attackerKey, header: { jwk } }), 'token-key-unknown')
  await refusesToken(main.sign({ key: attackerKey, header: { jwk, kid: ecKey.kid } }), 'token-signature')
})

test.concurrent('S-055: the gate never uses a key URL or a certificate in the header of a token', async () => {
  const attackerKey = signingKey('ES256')
  const certificate = Buffer.from('no certificate').toString('base64')
  for (const named of [{ jku: elsewhere.url }, { x5u: elsewhere.url }, { x5c: [certificate] }, { x5t: 'x' }]) {
    await refusesToken(main.sign({ key: attackerKey, header: { ...named } }), 'token-key-unknown')
    await refusesToken(main.sign({ key: attackerKey, header: { ...named, kid: ecKey.kid } }), 'token-signature')
  }

  expect(elsewhere.connections).toBe(0)
})

test.concurrent.each([
  { kid: '../../../../dev/null', reason: 'token-key-unknown' },
  { kid: "' OR 1=1 --", reason: 'token-key-unknown' },
  { kid: 'k'.repeat(4096), reason: 'token-key-unknown' },
  { kid: '__proto__', reason: 'token-key-unknown' },
  { kid: 'constructor', reason: 'token-key-unknown' },
  { kid: '', reason: 'token-key-unknown' },
  { kid: 'line\nend', reason: 'token-key-unknown' },
  { kid: `${ecKey.kid} `, reason: 'token-key-unknown' },
  { kid: 7, reason: 'token-malformed' },
  { kid: null, reason: 'token-malformed' },
  { kid: [ecKey.kid], reason: 'token-malformed' },
])('S-056: the gate refuses a token with kid $kid for the reason $reason', ({ kid, reason }) =>
  refusesToken(main.sign(header({ kid })), reason),
)

test.concurrent('S-056: the gate verifies a token without kid with the only key of its algorithm', async () => {
  await admitted(gate, { target, token: main.sign(header({ kid: undefined })) })
})

test.concurrent.each([
  { title: 'crit with exp', changed: { crit: ['exp'] } },
  { title: 'crit with an unknown name', changed: { crit: ['x'], x: 1 } },
  { title: 'an empty crit', changed: { crit: [] } },
  { title: 'b64 false', changed: { b64: false, crit: ['b64'] } },
  { title: 'b64 true', changed: { b64: true } },
])('S-057: the gate refuses a token with a critical header extension: $title', ({ changed }) =>
  refusesToken(main.sign(header(changed)), 'token-critical-header'),
)

test.concurrent.each([
  { title: 'an ID token', token: main.sign({ header: { typ: 'JWT' }, claims: { nonce: 'n' } }) },
  { title: 'no typ', token: main.sign(header({ typ: undefined })) },
  { title: 'a logout token', token: main.sign(header({ typ: 'logout+jwt' })) },
  { title: 'a DPoP proof', token: main.sign(header({ typ: 'dpop+jwt' })) },
  { title: 'an introspection response', token: main.sign(header({ typ: 'token-introspection+jwt' })) },
  { title: 'an assertion of the gate', token: main.sign(header({ typ: 'gatehouse-assertion+jwt' })) },
  { title: 'typ as a list', token: main.sign(header({ typ: ['at+jwt'] })) },
  { title: 'a longer typ', token: main.sign(header({ typ: 'at+jwt+x' })) },
  { title: 'another media type', token: main.sign(header({ typ: 'text/at+jwt' })) },
  { title: 'nonce in a token of profile any', token: lenient.sign(claims({ nonce: 'n' })) },
  {
    title: 'at_hash in a token of profile any',
    token: lenient.sign({ header: { typ: 'JWT' }, claims: { at_hash: 'h' } }),
  },
  {
    title: 'a logout token of profile any',
    token: lenient.sign({ header: { typ: 'logout+jwt' }, claims: { events: {} } }),
  },
])('S-059: the gate refuses a token of another type: $title', ({ token }) => refusesToken(token, 'token-type'))

test.concurrent.each(['AT+JWT', 'application/at+jwt', 'Application/AT+JWT'])(
  'S-059: the gate admits an access token with typ %s',
  async (typ) => {
    await admitted(gate, { target, token: main.sign(header({ typ })) })
  },
)

test.concurrent('S-060: a key of one issuer does not verify tokens of another issuer, even with the kid of that issuer', async () => {
  const otherKey = lenient.keys[0]!

  await refusesToken(main.sign({ key: otherKey }), 'token-key-unknown')
  await refusesToken(main.sign({ key: otherKey, header: { kid: ecKey.kid } }), 'token-signature')
  await refusesToken(lenient.sign({ key: ecKey }), 'token-key-unknown')
})

test.concurrent.each([
  { title: 'of an unknown issuer', iss: 'https://nobody.test', reason: 'token-issuer-unknown' },
  { title: 'with a final slash', iss: `${main.url}/`, reason: 'token-issuer-unknown' },
  { title: 'in another case', iss: main.url.toUpperCase(), reason: 'token-issuer-unknown' },
  { title: 'missing', iss: undefined, reason: 'token-issuer-unknown' },
  { title: 'null', iss: null, reason: 'token-claims-malformed' },
  { title: 'a list', iss: [main.url], reason: 'token-claims-malformed' },
])('S-060: the gate refuses a token with iss $title', ({ iss, reason }) =>
  refusesToken(main.sign(claims({ iss })), reason),
)

test.concurrent.each([
  { aud: undefined, reason: 'token-audience' },
  { aud: 'https://other.test', reason: 'token-audience' },
  { aud: ['https://other.test'], reason: 'token-audience' },
  { aud: [], reason: 'token-audience' },
  { aud: testAudience.slice(0, -1), reason: 'token-audience' },
  { aud: `${testAudience}/`, reason: 'token-audience' },
  { aud: `${testAudience} https://other.test`, reason: 'token-audience' },
  { aud: [testAudience, 1], reason: 'token-claims-malformed' },
  { aud: {}, reason: 'token-claims-malformed' },
  { aud: null, reason: 'token-claims-malformed' },
])('S-061: the gate refuses a token with aud $aud for the reason $reason', ({ aud, reason }) =>
  refusesToken(main.sign(claims({ aud })), reason),
)

test.concurrent('S-061: the gate admits a token with the configured audience among several', async () => {
  await admitted(gate, { target, token: main.sign(claims({ aud: ['https://other.test', testAudience] })) })
})

test.concurrent.each([
  { title: 'no exp', changed: { exp: undefined }, reason: 'token-lifetime' },
  { title: 'exp in 11 years', changed: { exp: nowS + 11 * 365 * 86_400 }, reason: 'token-lifetime' },
  { title: 'a lifetime above max_token_lifetime', changed: { exp: nowS + 86_400 + 120 }, reason: 'token-lifetime' },
  { title: 'exp as text', changed: { exp: String(nowS + 300) }, reason: 'token-claims-malformed' },
  { title: 'exp null', changed: { exp: null }, reason: 'token-claims-malformed' },
  { title: 'exp negative', changed: { exp: -1 }, reason: 'token-expired' },
  { title: 'exp zero', changed: { exp: 0 }, reason: 'token-expired' },
  {
    title: 'exp before now minus the clock tolerance',
    changed: { exp: nowS - toleranceS - 1 },
    reason: 'token-expired',
  },
  { title: 'nbf in an hour', changed: { nbf: nowS + 3600 }, reason: 'token-not-yet-valid' },
  { title: 'nbf as text', changed: { nbf: '0' }, reason: 'token-claims-malformed' },
  { title: 'iat in an hour', changed: { iat: nowS + 3600, exp: nowS + 7200 }, reason: 'token-not-yet-valid' },
  { title: 'iat as text', changed: { iat: String(nowS) }, reason: 'token-claims-malformed' },
])('S-062: the gate refuses a token with $title for the reason $reason', ({ changed, reason }) =>
  refusesToken(main.sign(claims(changed)), reason),
)

test.concurrent('S-062: the gate refuses a token with exp 1e400, which is no finite number', async () => {
  const { exp: _, ...rest } = JSON.parse(Buffer.from(parts()[1], 'base64url').toString())
  const json = JSON.stringify(rest)

  await refusesToken(main.sign({ raw: { claims: `${json.slice(0, -1)},"exp":1e400}` } }), 'token-claims-malformed')
})

test.concurrent.each([
  { title: 'exp with a fraction', changed: { exp: nowS + 299.5 } },
  { title: 'exp in the past within the clock tolerance', changed: {}, past: true },
  { title: 'nbf in the future within the clock tolerance', changed: { nbf: nowS + toleranceS / 2 } },
  { title: 'no iat', changed: { iat: undefined } },
])('S-062: the gate admits a token with $title', async ({ changed, past = false }) => {
  const exp = { exp: Math.floor(Date.now() / 1000) - 1 }
  await admitted(gate, { target, token: main.sign(claims({ ...changed, ...(past && exp) })) })
})

test.concurrent.each([
  { title: 'aud', json: `"aud":"https://other.test"` },
  { title: 'scope', json: `"scope":"orders:read orders:write"` },
  { title: 'exp', json: `"exp":${nowS + 400}` },
  { title: 'sub with an escaped name', json: `"s\\u0075b":"mallory"` },
  { title: 'a nested member', json: `"realm_access":{"roles":["a"],"roles":["b"]}` },
])('S-063: the gate refuses a token with a duplicate claim: $title', ({ json }) =>
  refusesToken(withClaims(json), 'token-duplicate-member'),
)

test.concurrent('S-063: the gate refuses a token with two alg members in its header', () => {
  const raw = `{"alg":"none","typ":"at+jwt","kid":"${ecKey.kid}","alg":"ES256"}`

  return refusesToken(main.sign({ raw: { header: raw } }), 'token-duplicate-member')
})

test.concurrent('S-064: the gate refuses other encodings of a cached valid token', async () => {
  const token = main.sign()
  const [head, payload, signature] = token.split('.') as [string, string, string]
  await admitted(gate, { target, token })

  for (const other of [
    `${token}=`,
    `${token}==`,
    `${head}=.${payload}.${signature}`,
    `${token}.`,
    `.${token}`,
    `${head}..${payload}.${signature}`,
    `${head}.${payload}.${sameBytes(signature)}`,
    `${head}.${payload}.+${signature.slice(1)}`,
    `${head}.${payload}./${signature.slice(1)}`,
    `"${token}"`,
  ]) {
    await refusesToken(other, 'token-malformed')
  }
})

test.concurrent('S-065: the gate refuses degenerate ECDSA signatures and other encodings of a valid signature', async () => {
  const [head, payload, signature] = parts()
  const bytes = Buffer.from(signature, 'base64url')
  const [r, s] = [bytes.subarray(0, 32), bytes.subarray(32)]
  const n = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const zero = Buffer.alloc(32)
  const forged = [
    Buffer.concat([zero, zero]),
    Buffer.concat([r, zero]),
    Buffer.concat([zero, s]),
    Buffer.concat([n, n]),
    Buffer.concat([r, n]),
    Buffer.concat([n, s]),
    Buffer.concat([s, r]),
    der(r, s),
    bytes.subarray(0, 63),
    Buffer.concat([bytes, Buffer.alloc(1)]),
  ].map((each) => each.toString('base64url'))

  for (const each of forged) await refusesToken(`${head}.${payload}.${each}`, 'token-signature')
})

test.concurrent('S-069: the gate refuses a token whose claims are not a valid JSON object', async () => {
  const raw = [
    '[]',
    '"text"',
    'null',
    '',
    '{',
    Buffer.from('\ufeff{}'),
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    // 1,000 levels of nesting in a token that is below the length limit.
    `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`,
  ]
  for (const each of raw) await refusesToken(main.sign({ raw: { claims: each } }), 'token-malformed')
})

test.concurrent('S-069: the gate admits a token of at most 8 KiB, and refuses a longer token', async () => {
  const longest = 8192
  const spare = longest - main.sign(claims({ pad: '' })).length
  // Base64url encodes three bytes as four characters.
  const pad = 'p'.repeat(Math.floor(spare / 4) * 3 - 3)

  await admitted(gate, { target, token: main.sign(claims({ pad })) })
  await refusesToken(main.sign(claims({ pad: pad + 'p'.repeat(12) })), 'token-too-long')
})

test.concurrent('S-070: claims named __proto__ and constructor grant neither scope nor role', async () => {
  await admitted(gate, { target, token: withClaims('"__proto__":{"scope":"orders:write"},"constructor":{"name":1}') })
  await refused(
    gate,
    { target: '/write/1', token: withClaims('"__proto__":{"scope":"orders:write"}') },
    missingScope('orders:write'),
  )
  // Every JavaScript object inherits constructor.name = Object. Only a claim of the token may match.
  await refused(
    gate,
    { target: '/role', token: main.sign() },
    { status: 403, code: 'forbidden', reason: 'role-missing' },
  )
  await admitted(gate, { target: '/role', token: main.sign(claims({ constructor: { name: 'Object' } })) })
})

test.concurrent.each([
  { scope: 'orders:read\torders:write' },
  { scope: 'orders:read,orders:write' },
  { scope: 'ORDERS:READ' },
  { scope: 'orders:reader' },
  { scope: 'orders' },
  { scope: 'orders:*' },
  { scope: '' },
  { scope: undefined },
])('S-071: the gate finds no orders:read in the token scope $scope', ({ scope }) =>
  refused(gate, { target, token: main.sign(claims({ scope })) }, missingScope('orders:read')),
)

test.concurrent.each(['orders:read orders:read', ' orders:read ', 'a  orders:read'])(
  'S-071: the gate admits scope "%s" and forwards the scope without duplicates',
  async (scope) => {
    const { received } = await admitted(gate, { target, token: main.sign(claims({ scope })) })

    expect((await identity(gate, received))['scope']).toBe([...new Set(scope.trim().split(/ +/))].join(' '))
  },
)

test.concurrent.each([{ scope: ['orders:read'] }, { scope: 7 }, { scope: null }])(
  'S-071: the gate refuses a token with scope $scope, which is not text',
  ({ scope }) => refusesToken(main.sign(claims({ scope })), 'token-claims-malformed'),
)

test.concurrent('S-072: the gate refuses a JWE, and token headers for encryption or compression', async () => {
  const five = `${Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString('base64url')}..AAAA.AAAA.AAAA`
  const slow = { alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_000_000_000, p2s: 'AAAA' }

  await refusesToken(five, 'token-malformed')
  await refusesToken(
    `${Buffer.from(JSON.stringify(slow)).toString('base64url')}.AAAA.AAAA.AAAA.AAAA`,
    'token-malformed',
  )
  await refusesToken(main.sign(header({ ...slow })), 'token-algorithm')
  await refusesToken(main.sign(header({ zip: 'DEF' })), 'token-malformed')
  await refusesToken(main.sign(header({ enc: 'A256GCM' })), 'token-malformed')
  await refusesToken(main.sign(header({ cty: 'JWT' })), 'token-type')
})

test.concurrent('S-073: the gate refuses a token of an unknown issuer without a request to that issuer', async () => {
  const key = signingKey('ES256')
  const { iat, exp } = { iat: nowS, exp: nowS + 300 }
  const token = compactJws(
    { alg: 'ES256', typ: 'at+jwt', kid: key.kid, jku: elsewhere.url },
    { iss: elsewhere.url, sub: 'mallory', aud: testAudience, scope: 'orders:read', iat, exp },
    key,
  )
  await refusesToken(token, 'token-issuer-unknown')

  expect(elsewhere.connections).toBe(0)
})

test.concurrent.each([
  { title: 'cnf.x5t#S256 (S-083)', cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' } },
  { title: 'an unknown method', cnf: { x: 1 } },
  { title: 'an empty cnf', cnf: {} },
  { title: 'a cnf of null', cnf: null },
])('the gate refuses a token with cnf as a bearer token (RFC 7800 §3.1): $title', ({ cnf }) =>
  refusesToken(main.sign(claims({ cnf })), 'token-binding'),
)

test.concurrent.each([
  { title: 'the subject', change: (json: string) => json.replace('"alice"', '"admin"') },
  { title: 'the scope', change: (json: string) => json.replace('orders:read', 'orders:all') },
  { title: 'an added space', change: (json: string) => `${json} ` },
])(
  'the gate refuses a token with changed claims, before and after the original token is cached: $title',
  async ({ change }) => {
    const token = main.sign()
    const [head, payload, signature] = token.split('.') as [string, string, string]
    const forged = Buffer.from(change(Buffer.from(payload, 'base64url').toString())).toString('base64url')
    expect(forged).not.toBe(payload)

    await refusesToken(`${head}.${forged}.${signature}`, 'token-signature')
    await admitted(gate, { target, token })
    await refusesToken(`${head}.${forged}.${signature}`, 'token-signature')
  },
)

test.concurrent.each([
  { title: 'neither sub nor client_id', changed: { sub: undefined, client_id: undefined }, reason: 'subject-missing' },
  { title: 'an empty sub', changed: { sub: '' }, reason: 'claims-malformed' },
  { title: 'a number as sub', changed: { sub: 7 }, reason: 'claims-malformed' },
  { title: 'a lone surrogate in sub', changed: { sub: '\ud800' }, reason: 'claims-malformed' },
])('the gate refuses a token without a valid subject: $title', ({ changed, reason }) =>
  refusesToken(main.sign(claims(changed)), `token-${reason}`),
)

test('S-076: the gate sends equal replies to ten different invalid tokens', async () => {
  const bad = [
    main.sign({ key: signingKey('ES256', ecKey.kid) }),
    main.sign(claims({ exp: nowS - 3600, iat: nowS - 7200 })),
    main.sign({ key: signingKey('ES256') }),
    main.sign(claims({ aud: 'https://other.test' })),
    main.sign(claims({ iss: 'https://nobody.test' })),
    main.sign(header({ typ: 'JWT' })),
    main.sign(header({ alg: 'none' })),
    main.sign(claims({ cnf: {} })),
    main.sign(claims({ pad: 'p'.repeat(9000) })),
    'x',
  ]
  const replyTo = async (token: string) => {
    const reply = await request(node.port, requestBytes({ target, token, fields: [['X-Request-Id', 'the-same']] }))
    return { ...reply, fields: reply.fields.filter(([name]) => name !== 'Date'), body: reply.text }
  }
  const [first, ...others] = await Promise.all(bad.map(replyTo))

  expect(first!.status).toBe(401)
  for (const other of others) expect(other).toEqual(first)
})

/** Returns another text of the same bytes, which differs in the unused bits of its last character. */
function sameBytes(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const other = `${part.slice(0, -1)}${alphabet[alphabet.indexOf(part.at(-1)!) + 1]}`
  expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(part, 'base64url'))
  return other
}

function derAndPem(jwk: JsonWebKey): (string | Buffer)[] {
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  const pem = key.export({ type: 'spki', format: 'pem' }) as string
  return [key.export({ type: 'spki', format: 'der' }), pem, pem.trimEnd()]
}

/** Encodes an ECDSA signature as X.509 does (RFC 3279 §2.2.3). JWS forbids this encoding (RFC 7518 §3.4). */
function der(r: Buffer, s: Buffer): Buffer {
  const integers = [r, s].map((bytes) => {
    const positive = bytes[0]! < 0x80 ? bytes : Buffer.concat([Buffer.alloc(1), bytes])
    return Buffer.concat([Buffer.of(0x02, positive.length), positive])
  })
  const body = Buffer.concat(integers)
  return Buffer.concat([Buffer.of(0x30, body.length), body])
}
