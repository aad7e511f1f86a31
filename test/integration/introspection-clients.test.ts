import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import selfsigned from 'selfsigned'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { type IntrospectionIssuer, startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { type NodeOptions, StartFailure, startNode } from '../kit/node.ts'
import { introspectionSecret, opaqueGate } from '../kit/opaque-gate.ts'
import { listen } from '../kit/ports.ts'
import { compactJws, signingKey } from '../kit/signing-key.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, refused } from './admission.ts'

// Authentication of the gate at the introspection endpoint of an issuer (RFC 6749 §2.3.1, RFC 7523, RFC 8705), and
// signed introspection responses (RFC 9701).

let issuer: IntrospectionIssuer
let orders: TestUpstream
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-clients-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  issuer = await startIntrospectionIssuer()
  orders = await startUpstream()
})

async function gateWith(introspection: object, env: Record<string, string> = {}): Promise<Gate> {
  const options = opaqueGate({ issuer: issuer.url, orders: orders.url, introspection: { ...introspection } })
  return { node: await startNode({ ...options, env: { ...options.env, ...env } }), services: [orders] }
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

const withoutSecret = { client_secret: undefined }

test('with client_secret_post, the gate sends id and secret in the introspection body and no Authorization', async () => {
  const gate = await gateWith({ client_auth: 'client_secret_post' })
  const token = issuer.issue()
  await admitted(gate, { target: '/orders/1', token })

  const { form, headers } = issuer.asked.at(-1)!
  expect([form.get('client_id'), form.get('client_secret')]).toEqual(['gatehouse', introspectionSecret])
  expect(headers.authorization).toBeUndefined()
})

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')

test.each([
  [
    'ES256 as JWK',
    JSON.stringify({ ...ec.privateKey.export({ format: 'jwk' }), kid: 'k1' }),
    ec.publicKey,
    'ES256',
    'k1',
  ],
  ['RS256 in PEM', String(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })), rsa.publicKey, 'RS256', undefined],
  [
    'PS256, stated in the JWK',
    JSON.stringify({ ...rsa.privateKey.export({ format: 'jwk' }), alg: 'PS256' }),
    rsa.publicKey,
    'PS256',
    undefined,
  ],
  ['EdDSA in PEM', String(ed.privateKey.export({ format: 'pem', type: 'pkcs8' })), ed.publicKey, 'EdDSA', undefined],
])(
  'with private_key_jwt, the gate sends the issuer a single-use assertion signed by a key for %s',
  async (name, text, publicKey, alg, kid) => {
    const file = write(`key-${name}`, text)
    const gate = await gateWith({ ...withoutSecret, private_key: { file } })
    for (let i = 0; i < 2; i++) await admitted(gate, { target: '/orders/1', token: issuer.issue() })

    const [first, second] = issuer.asked.slice(-2).map(({ form }) => form.get('client_assertion')!)
    expect(issuer.asked.at(-1)!.form.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    )
    const { payload } = await jwtVerify(first!, await importJWK(publicKey.export({ format: 'jwk' }) as never, alg), {
      issuer: 'gatehouse',
      subject: 'gatehouse',
      audience: issuer.url,
    })
    expect(payload.exp! - payload.iat!).toBe(60)
    expect(decodeProtectedHeader(first!)).toEqual({ alg, ...(kid && { kid }) })
    expect(decodeJwt(second!).jti).not.toBe(payload.jti)
  },
)

test('with tls_client_auth, the gate presents its client certificate at the introspection endpoint (RFC 8705)', async () => {
  const pair = async (cn: string) =>
    selfsigned.generate([{ name: 'commonName', value: cn }], {
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    } as never) as Promise<{ cert: string; private: string }>
  const [server, client] = [await pair('127.0.0.1'), await pair('gatehouse')]
  const seen: string[] = []
  const token = issuer.issue()
  const https = createServer(
    { cert: server.cert, key: server.private, requestCert: true, ca: client.cert, rejectUnauthorized: true },
    (request, response) => {
      seen.push((request.socket as TLSSocket).getPeerCertificate().subject.CN as string)
      request.resume()
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(issuer.truth(token)))
    },
  )
  const port = await listen(https)
  atEnd(() => https.close())
  const ca = write('ca.pem', server.cert)
  const gate = await gateWith(
    {
      ...withoutSecret,
      endpoint: `https://127.0.0.1:${port}/introspect`,
      certificate: write('client.pem', client.cert),
      certificate_key: { file: write('client.key', client.private) },
    },
    { NODE_EXTRA_CA_CERTS: ca },
  )

  await admitted(gate, { target: '/orders/1', token })
  expect(seen).toEqual(['gatehouse'])
})

test('the gate reads a replaced client secret again when the issuer rejects the old secret', async () => {
  const file = write('rotating', 'old')
  const gate = await gateWith({ client_secret: { file }, client_auth: 'client_secret_post' })
  await admitted(gate, { target: '/orders/1', token: issuer.issue() })
  write('rotating', 'new')
  const before = issuer.asked.length
  issuer.script = ({ form }) =>
    form.get('client_secret') === 'new' ? undefined : { status: 401, body: '{"error":"invalid_client"}' }

  for (let i = 0; i < 2; i++) await admitted(gate, { target: '/orders/1', token: issuer.issue() })
  expect(issuer.asked.slice(before).map(({ form }) => form.get('client_secret'))).toEqual(['old', 'new', 'new'])
  issuer.script = undefined
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
    'private_key: is not a private key as JWK or in PEM',
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
])('a node does not start with %s for introspection', async (_, introspection, message) => {
  const options: NodeOptions = opaqueGate({
    issuer: issuer.url,
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
const signedAnswer = (token: string, header: object = {}, claims: object = {}, key = issuer.key): string =>
  compactJws(
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

test('the gate requires and verifies signed introspection responses if configured (RFC 9701)', async () => {
  const gate = await gateWith({ response: 'jwt' })
  const type = 'application/token-introspection+jwt'
  const reason = { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' }
  issuer.script = ({ token }) => ({ type, body: signedAnswer(token) })
  await admitted(gate, { target: '/orders/1', token: issuer.issue() })
  expect(issuer.asked.at(-1)!.headers.accept).toBe(type)

  const bad: [string, (token: string) => string][] = [
    ['typ', (token) => signedAnswer(token, { typ: 'JWT' })],
    ['alg', (token) => signedAnswer(token, { alg: 'HS256' })],
    ['kid', (token) => signedAnswer(token, { kid: 'other' })],
    ['iss', (token) => signedAnswer(token, {}, { iss: 'https://evil.example' })],
    ['aud', (token) => signedAnswer(token, {}, { aud: 'somebody-else' })],
    ['iat', (token) => signedAnswer(token, {}, { iat: 1000 })],
    ['answer', (token) => signedAnswer(token, {}, { token_introspection: [true] })],
    ['signature', (token) => signedAnswer(token, {}, {}, signingKey('ES256', issuer.key.kid))],
  ]
  for (const [, make] of bad) {
    issuer.script = ({ token }) => ({ type, body: make(token) })
    await refused(gate, { target: '/orders/1', token: issuer.issue() }, reason)
  }
  issuer.script = undefined
  await refused(gate, { target: '/orders/1', token: issuer.issue() }, reason)
})

test('the gate replies 503 if it cannot fetch the keys for a signed introspection response', async () => {
  issuer.answer('discovery', { status: 404 })
  const gate = await gateWith({ response: 'jwt', endpoint: `${issuer.url}/introspect` })
  issuer.script = ({ token }) => ({ type: 'application/token-introspection+jwt', body: signedAnswer(token) })

  const reason = { status: 503, code: 'unavailable', reason: 'introspection-unavailable', decision: 'failed' }
  await refused(gate, { target: '/orders/1', token: issuer.issue() }, reason)

  issuer.script = undefined
  issuer.answer('discovery')
})
