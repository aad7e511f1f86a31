import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import selfsigned from 'selfsigned'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { type Asked, type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { testAudience } from '../kit/issuer.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import { introspectionSecret, opaqueGate, opaqueSecrets } from '../kit/opaque-gate.ts'
import { listen } from '../kit/ports.ts'
import { compactJws, type SigningKey, signingKey } from '../kit/signing-key.ts'
import { type NodeOptions, StartFailure } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, refused } from './admission.ts'

// Authentication of the gate at the introspection endpoint of an issuer (RFC 6749 §2.3.1, RFC 7523, RFC 8705), and
// signed introspection responses (RFC 9701).

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-clients-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

const withoutSecret = { client_secret: undefined }

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')

const pem = (key: KeyObject) => String(key.export({ format: 'pem', type: 'pkcs8' }))
const jwk = (key: KeyObject, more: object) => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more })

/**
 * Private keys of the gate with which it authenticates at an issuer: text of the key file, and public key, `alg` and
 * `kid` that the gate's assertions must have.
 */
const privateKeys: [name: string, text: string, publicKey: KeyObject, alg: string, kid: string | undefined][] = [
  ['ES256 as JWK', jwk(ec.privateKey, { kid: 'k1' }), ec.publicKey, 'ES256', 'k1'],
  ['RS256 in PEM', pem(rsa.privateKey), rsa.publicKey, 'RS256', undefined],
  ['PS256, stated in the JWK', jwk(rsa.privateKey, { alg: 'PS256' }), rsa.publicKey, 'PS256', undefined],
  ['EdDSA in PEM', pem(ed.privateKey), ed.publicKey, 'EdDSA', undefined],
]

const names = ['post', ...privateKeys.map(([name]) => name), 'tls', 'rotating', 'signed', 'keyless']
/** An issuer for each client of the gate, so that one node serves all tests. */
const issuers = new Map<string, IntrospectionIssuer>()
const issuerOf = (name: string) => issuers.get(name)!
const targetOf = (name: string) => `/s${names.indexOf(name)}/1`
/** Common names of the client certificates that the mTLS endpoint has seen. */
const certificatesSeen: string[] = []
let orders: TestUpstream
let gate: Gate

beforeAll(async () => {
  for (const name of names) issuers.set(name, await startIntrospectionIssuer())
  issuerOf('keyless').answer('discovery', { status: 404 })
  orders = await startUpstream()
  const [server, client] = [await certificate('127.0.0.1'), await certificate('gatehouse')]
  const port = await mutualTlsEndpoint(server, client.cert)
  const secret = { client_secret: { env: 'TEST_INTROSPECTION_SECRET' } }
  const clients: Record<string, object> = {
    post: { ...secret, client_auth: 'client_secret_post' },
    ...Object.fromEntries(
      privateKeys.map(([name, text]) => [name, { private_key: { file: write(`key-${name}`, text) } }]),
    ),
    tls: {
      endpoint: `https://127.0.0.1:${port}/introspect`,
      certificate: write('client.pem', client.cert),
      certificate_key: { file: write('client.key', client.private) },
    },
    rotating: { client_secret: { file: write('rotating', 'old') }, client_auth: 'client_secret_post' },
    signed: { ...secret, response: 'jwt' },
    keyless: { ...secret, response: 'jwt', endpoint: `${issuerOf('keyless').url}/introspect` },
  }
  // Longer than the default of 2 s, so that a late reply of an issuer on a busy machine does not cause 503.
  const introspection = { client_id: 'gatehouse', timeout: '20s' }
  const policy = {
    version: 1,
    issuers: Object.fromEntries(
      names.map((name, i) => [
        `i${i}`,
        {
          issuer: issuerOf(name).url,
          audience: [testAudience],
          tokens: 'opaque',
          introspection: { ...introspection, ...clients[name] },
        },
      ]),
    ),
    services: Object.fromEntries(
      names.map((_, i) => [
        `s${i}`,
        {
          issuers: [`i${i}`],
          upstreams: [orders.url],
          routes: [{ id: `s${i}`, match: { path: `/s${i}/**` }, require: { scopes: { all: ['orders:read'] } } }],
        },
      ]),
    ),
  }
  const env = { ...opaqueSecrets, NODE_EXTRA_CA_CERTS: write('ca.pem', server.cert) }
  gate = { node: await startNodeProcess({ policy, env }), services: [orders] }
})

function certificate(cn: string): Promise<{ cert: string; private: string }> {
  return selfsigned.generate([{ name: 'commonName', value: cn }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  } as never)
}

/**
 * Starts an introspection endpoint of the issuer `tls`, which accepts only clients with a certificate of `ca`. @returns
 * its port
 */
async function mutualTlsEndpoint(server: { cert: string; private: string }, ca: string): Promise<number> {
  const https = createServer(
    { cert: server.cert, key: server.private, requestCert: true, ca, rejectUnauthorized: true },
    async (request, response) => {
      certificatesSeen.push((request.socket as TLSSocket).getPeerCertificate().subject.CN as string)
      const token = new URLSearchParams(await text(request)).get('token')!
      const answer = JSON.stringify(issuerOf('tls').truth(token))
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer)
    },
  )
  atEnd(() => https.close())
  return listen(https)
}

/**
 * Sends a request with a new token of an issuer. @returns the introspection request that the issuer received for the
 * token
 */
async function askedAboutNewToken(name: string): Promise<Asked> {
  const token = issuerOf(name).issue()
  await admitted(gate, { target: targetOf(name), token })
  return issuerOf(name).asked.find((asked) => asked.token === token)!
}

test('with client_secret_post, the gate sends id and secret in the introspection body and no Authorization', async () => {
  const { form, headers } = await askedAboutNewToken('post')

  expect([form.get('client_id'), form.get('client_secret')]).toEqual(['gatehouse', introspectionSecret])
  expect(headers.authorization).toBeUndefined()
})

test.each(privateKeys)(
  'with private_key_jwt, the gate authenticates at the issuer with a new client assertion for each request, signed with the configured key (%s)',
  async (name, _, publicKey, alg, kid) => {
    const forms = [(await askedAboutNewToken(name)).form, (await askedAboutNewToken(name)).form]
    const [first, second] = forms.map((form) => form.get('client_assertion')!)
    expect(forms[1]!.get('client_assertion_type')).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    const { payload } = await jwtVerify(first!, await importJWK(publicKey.export({ format: 'jwk' }) as never, alg), {
      issuer: 'gatehouse',
      subject: 'gatehouse',
      audience: issuerOf(name).url,
    })
    expect(payload.exp! - payload.iat!).toBe(60)
    expect(decodeProtectedHeader(first!)).toEqual({ alg, ...(kid && { kid }) })
    expect(decodeJwt(second!).jti).not.toBe(payload.jti)
  },
)

test('with tls_client_auth, the gate presents its client certificate at the introspection endpoint (RFC 8705)', async () => {
  await admitted(gate, { target: targetOf('tls'), token: issuerOf('tls').issue() })

  expect(new Set(certificatesSeen)).toEqual(new Set(['gatehouse']))
})

const secretsShown = (issuer: IntrospectionIssuer, tokens: readonly string[]) =>
  issuer.asked.filter(({ token }) => tokens.includes(token)).map(({ form }) => form.get('client_secret'))

function acceptOnly(issuer: IntrospectionIssuer, secret: string): void {
  issuer.script = ({ form }) =>
    form.get('client_secret') === secret ? undefined : { status: 401, body: '{"error":"invalid_client"}' }
}

test('when a client secret is replaced in its file and at the issuer, the gate uses the new secret without a failed request', async () => {
  const issuer = issuerOf('rotating')
  await askedAboutNewToken('rotating')
  write('rotating', 'new')
  acceptOnly(issuer, 'new')

  const tokens = [issuer.issue(), issuer.issue()]
  for (const token of tokens) await admitted(gate, { target: targetOf('rotating'), token })
  expect(secretsShown(issuer, tokens).at(-1)).toBe('new')
})

test('if the issuer does not know a new client secret yet, the gate uses the previous secret without a failed request', async () => {
  const issuer = issuerOf('rotating')
  acceptOnly(issuer, 'new')
  write('rotating', 'newer')
  const changes = () => gate.node.log.filter(({ msg }) => msg === 'secret changed; the new value is in use')
  await until('the node has read two new secrets', () => changes().length === 2)

  const tokens = [issuer.issue(), issuer.issue(), issuer.issue()]
  for (const token of tokens.slice(0, 2)) await admitted(gate, { target: targetOf('rotating'), token })
  expect(secretsShown(issuer, tokens)).toEqual(['newer', 'new', 'new'])

  acceptOnly(issuer, 'newer')
  await admitted(gate, { target: targetOf('rotating'), token: tokens[2]! })
  expect(secretsShown(issuer, tokens).at(-1)).toBe('newer')
})

test.each([
  [
    'no client secret',
    { client_secret: { env: 'TEST_NOT_SET' } },
    'client_secret: environment variable TEST_NOT_SET is not set',
  ],
  [
    'an invalid private key',
    () => ({ ...withoutSecret, private_key: { file: write('no-key', 'hunter2') } }),
    '/no-key is not a private key as JWK or in PEM',
  ],
  [
    'a certificate of another key',
    () => ({
      ...withoutSecret,
      certificate: write('cert-a', certificateA),
      certificate_key: { file: write('key-b', String(ec.privateKey.export({ format: 'pem', type: 'pkcs8' }))) },
    }),
    'does not match certificate_key',
  ],
])('a node does not start if introspection is configured with %s', async (_, introspection, message) => {
  const options: NodeOptions = opaqueGate({
    issuer: issuerOf('post').url,
    orders: orders.url,
    introspection: (typeof introspection === 'function' ? introspection() : introspection) as never,
  })
  const failure = await startNode(options).then(
    () => undefined,
    (error) => error as StartFailure,
  )

  expect(failure).toBeInstanceOf(StartFailure)
  expect(failure!.stderr).toContain(message)
  expect(failure!.stderr).not.toContain('hunter2')
})

let certificateA = ''
beforeAll(async () => {
  const made = await selfsigned.generate([{ name: 'commonName', value: 'a' }], { keyType: 'ec' } as never)
  certificateA = made.cert
})

/**
 * Returns a signed introspection response (RFC 9701 §5). The gate replies 503 if header, claims or key of a response
 * are invalid.
 */
function signedAnswer(issuer: IntrospectionIssuer, token: string, header: object = {}, claims: object = {}): string {
  return signedBy(issuer.key, issuer, token, header, claims)
}

function signedBy(key: SigningKey, issuer: IntrospectionIssuer, token: string, header: object, claims: object): string {
  return compactJws(
    { alg: 'ES256', typ: 'token-introspection+jwt', kid: issuer.key.kid, ...header },
    {
      iss: issuer.url,
      aud: 'gatehouse',
      iat: Math.floor(Date.now() / 1000),
      token_introspection: issuer.truth(token),
      ...claims,
    },
    key,
  )
}

const unavailable = { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' }

test('if configured, the gate requires and verifies signed introspection responses (RFC 9701)', async () => {
  const issuer = issuerOf('signed')
  const target = targetOf('signed')
  const type = 'application/token-introspection+jwt'
  issuer.script = ({ token }) => ({ type, body: signedAnswer(issuer, token) })
  expect((await askedAboutNewToken('signed')).headers.accept).toBe(type)

  const bad: [string, (token: string) => string][] = [
    ['typ', (token) => signedAnswer(issuer, token, { typ: 'JWT' })],
    ['alg', (token) => signedAnswer(issuer, token, { alg: 'HS256' })],
    ['kid', (token) => signedAnswer(issuer, token, { kid: 'other' })],
    ['iss', (token) => signedAnswer(issuer, token, {}, { iss: 'https://evil.example' })],
    ['aud', (token) => signedAnswer(issuer, token, {}, { aud: 'somebody-else' })],
    ['iat', (token) => signedAnswer(issuer, token, {}, { iat: 1000 })],
    ['answer', (token) => signedAnswer(issuer, token, {}, { token_introspection: [true] })],
    ['signature', (token) => signedBy(signingKey('ES256', issuer.key.kid), issuer, token, {}, {})],
  ]
  for (const [, make] of bad) {
    issuer.script = ({ token }) => ({ type, body: make(token) })
    await refused(gate, { target, token: issuer.issue() }, unavailable)
  }
  issuer.script = undefined
  await refused(gate, { target, token: issuer.issue() }, unavailable)
})

test('the gate replies 503 if it cannot fetch the keys for a signed introspection response', async () => {
  const issuer = issuerOf('keyless')
  issuer.script = ({ token }) => ({
    type: 'application/token-introspection+jwt',
    body: signedAnswer(issuer, token),
  })

  await refused(gate, { target: targetOf('keyless'), token: issuer.issue() }, unavailable)
})
