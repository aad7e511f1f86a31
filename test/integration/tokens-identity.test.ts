import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { startProvider } from '../kit/provider.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, identity, publicUrl, refused } from './admission.ts'

// docs/design/contract.md §6: the identity that a service receives. The tests verify assertions as a service does, with
// jose and the published keys, not with code of the gate.

const keysPath = '/.well-known/gatehouse/jwks.json'

const [main, other, provider, upstream] = await Promise.all([
  startIssuer(),
  startIssuer({ path: '/tenant' }),
  startProvider(),
  startUpstream(),
])

const entry = (issuer: string) => ({ issuer, audience: [testAudience] })
const service = (name: string, more: object = {}) => ({
  issuers: ['main'],
  upstreams: [upstream.url],
  ...more,
  routes: [
    { id: `${name}.read`, match: { path: `/${name}/**` }, require: { scopes: { all: ['orders:read'] } } },
    { id: `${name}.public`, match: { path: `/public/${name}` }, require: 'public' },
  ],
})
const roles = {
  manager: { claim: 'realm_access.roles', any: ['order-manager', 'boss'] },
  auditor: { claim: 'department', any: ['audit'] },
}
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: entry(main.url), other: entry(other.url), provider: entry(provider.url) },
    services: {
      orders: service('orders', { issuers: ['main', 'other', 'provider'], roles }),
      reports: service('reports', { roles: { manager: { claim: 'realm_access.roles', any: ['report-manager'] } } }),
      passing: service('passing', { credentials: 'token' }),
      bare: service('bare', { credentials: 'none' }),
      legacy: service('legacy', { auth_request_headers: true }),
    },
  },
})
const gate: Gate = { node, services: [upstream] }
const target = '/orders/1'
const nowS = Math.floor(Date.now() / 1000)

async function identityOf(token: string, path = target) {
  const { received } = await admitted(gate, { target: path, token })
  return identity(gate, received)
}

test('an assertion contains subject, client, scopes, roles and issuer of the token, and is valid for one service and for 60 s', async () => {
  const claims = {
    scope: 'orders:read orders:write',
    acr: 'urn:mfa',
    sid: 'session-1',
    realm_access: { roles: ['boss'] },
  }
  const { received } = await admitted(gate, { target, token: main.sign({ claims }) })

  const { iat, exp, jti, ...rest } = await identity(gate, received)
  expect(rest).toEqual({
    iss: publicUrl(gate),
    aud: 'orders',
    sub: 'alice',
    client_id: 'reader',
    scope: 'orders:read orders:write',
    roles: ['manager'],
    acr: 'urn:mfa',
    sid: 'session-1',
    token_issuer: main.url,
  })
  expect(exp! - iat!).toBe(60)
  expect(iat).toBeGreaterThanOrEqual(nowS)
  expect(jti).toMatch(/^[0-9a-f-]{36}$/)
  expect(decodeProtectedHeader(received.all('x-gatehouse-jwt-assertion')[0]!)).toEqual({
    alg: 'ES256',
    kid: 'test-1',
    typ: 'gatehouse-assertion+jwt',
  })
})

test.each([
  { title: 'a client and no sub', claims: { sub: undefined }, sub: 'reader', client: 'reader' },
  { title: 'a sub and no client', claims: { client_id: undefined }, sub: 'alice', client: undefined },
  { title: 'azp and no client_id', claims: { client_id: undefined, azp: 'web' }, sub: 'alice', client: 'web' },
  { title: 'client_id and azp', claims: { azp: 'web' }, sub: 'alice', client: 'reader' },
  { title: 'a subject beyond ASCII', claims: { sub: 'Zoë 愛 🜁' }, sub: 'Zoë 愛 🜁', client: 'reader' },
  { title: 'a subject with a colon and quotes', claims: { sub: 'a"b: c' }, sub: 'a"b: c', client: 'reader' },
])('the assertion for a token with $title has sub $sub and client_id $client', async ({ claims, sub, client }) => {
  const assertion = await identityOf(main.sign({ claims }))

  expect(assertion).toMatchObject({ sub, token_issuer: main.url })
  expect(assertion['client_id']).toBe(client)
})

test.each([
  { claims: {}, roles: [] },
  {
    claims: { realm_access: { roles: ['boss', 'order-manager'] }, department: 'audit' },
    roles: ['manager', 'auditor'],
  },
  { claims: { realm_access: { roles: 'boss' } }, roles: ['manager'] },
  { claims: { realm_access: { roles: [['boss'], 'bosses'] }, department: { audit: 'audit' } }, roles: [] },
  { claims: { 'realm_access.roles': ['boss'] }, roles: [] },
])('the assertion for a token with the claims $claims has the roles $roles', async ({ claims, roles: expected }) => {
  expect((await identityOf(main.sign({ claims })))['roles']).toEqual(expected)
})

test('an assertion does not expire later than the token', async () => {
  const exp = Math.floor(Date.now() / 1000) + 20
  expect((await identityOf(main.sign({ claims: { exp } }))).exp).toBe(exp)
  expect((await identityOf(main.sign({ claims: { exp: exp + 0.9 } }))).exp).toBe(exp)
})

test('the gate creates one assertion for a token and each service, with the roles that the service configures', async () => {
  const token = main.sign({ claims: { realm_access: { roles: ['report-manager'] } } })

  const [first, again, reports] = [
    await identityOf(token),
    await identityOf(token),
    await identityOf(token, '/reports'),
  ]

  expect(again).toEqual(first)
  expect(first).toMatchObject({ aud: 'orders', roles: [] })
  expect(reports).toMatchObject({ aud: 'reports', roles: ['manager'] })
  expect(reports.jti).not.toBe(first.jti)
})

test('S-106: tokens of two issuers with the same sub, client_id and jti get two assertions, each with its own token_issuer', async () => {
  const claims = { jti: 'one', sub: 'alice', client_id: 'reader' }

  const [here, there] = [await identityOf(main.sign({ claims })), await identityOf(other.sign({ claims }))]

  expect(here).toMatchObject({ sub: 'alice', token_issuer: main.url })
  expect(there).toMatchObject({ sub: 'alice', token_issuer: other.url })
  expect(there.jti).not.toBe(here.jti)
})

test.each(['reader', 'writer'])(
  'the assertion for an access token of oidc-provider identifies the client %s',
  async (client) => {
    const assertion = await identityOf(await provider.token(client))

    expect(assertion).toMatchObject({ sub: client, client_id: client, token_issuer: provider.url, aud: 'orders' })
    expect(assertion['scope']).toContain('orders:read')
  },
)

test('with credentials: assertion, the gate does not forward the access token', async () => {
  const token = main.sign()
  const { received } = await admitted(gate, { target, token })

  expect(received.all('authorization')).toEqual([])
  expect(JSON.stringify(received.fields)).not.toContain(token)
})

test('with credentials: token, the gate forwards the validated token and no assertion', async () => {
  const token = main.sign()
  const { received } = await admitted(gate, { target: '/passing/1', fields: [['authorization', `bEARER ${token}`]] })

  expect(received.all('authorization')).toEqual([`Bearer ${token}`])
  expect(received.all('x-gatehouse-jwt-assertion')).toEqual([])
})

test('with credentials: token, the gate forwards no Authorization on a public route', async () => {
  const { received } = await admitted(gate, { target: '/public/passing', token: main.sign() })

  expect(received.all('authorization')).toEqual([])
})

test('with credentials: none, the gate forwards neither token nor assertion', async () => {
  const { received } = await admitted(gate, { target: '/bare/1', token: main.sign() })

  expect(received.fields.map(([name]) => name).filter((name) => /auth|gatehouse|assertion/i.test(name))).toEqual([])
})

test('with auth_request_headers, the gate sends claims in X-Auth-Request-* fields, except values with unsafe characters', async () => {
  const plain = { email: 'alice@example.test', preferred_username: 'al', groups: ['a', 'b,c', 'd'] }
  const hostile = { sub: ' alice', email: 'a\r\nX-Evil: 1', preferred_username: 'a\u0000b', groups: ['a\nb', 7] }
  const sentFields = async (claims: object) => {
    const { received } = await admitted(gate, { target: '/legacy/1', token: main.sign({ claims: { ...claims } }) })
    expect(received.all('x-evil')).toEqual([])
    return Object.fromEntries(received.fields.filter(([name]) => name.startsWith('x-auth-request-')))
  }

  expect(await sentFields(plain)).toEqual({
    'x-auth-request-user': 'alice',
    'x-auth-request-email': 'alice@example.test',
    'x-auth-request-preferred-username': 'al',
    'x-auth-request-groups': 'a,d',
  })
  expect(await sentFields(hostile)).toEqual({})
})

test.each(['X-Gatehouse-Jwt-Assertion', 'x_gatehouse_jwt_assertion', 'X.Gatehouse.Jwt-Assertion', 'X-Gatehouse-Other'])(
  'the gate does not forward the client field %s, which does not change the identity',
  async (name) => {
    const forged = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`
    const fields = [
      [name, forged],
      ['Connection', 'x-gatehouse-jwt-assertion'],
    ] as const
    const { received } = await admitted(gate, { target, token: main.sign(), fields })
    const { received: anonymous } = await admitted(gate, { target: '/public/orders', fields })

    expect(await identity(gate, received)).toMatchObject({ sub: 'alice' })
    expect(JSON.stringify([received.fields, anonymous.fields])).not.toContain(forged)
    expect(anonymous.all('x-gatehouse-jwt-assertion')).toEqual([])
  },
)

test('the key set of the gate is public for GET and HEAD without private parts, and a POST gets 405', async () => {
  const got = await request(node.port, requestBytes({ target: keysPath }))
  const head = await request(node.port, requestBytes({ method: 'HEAD', target: keysPath }), { head: true })

  expect(got.json()).toEqual({
    keys: [
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: 'test-1',
        alg: 'ES256',
        use: 'sig',
      },
    ],
  })
  expect(got.field('content-type')).toBe('application/json')
  expect(head).toMatchObject({ status: 200, framing: 'none' })
  expect(head.field('content-length')).toBe(got.field('content-length'))
  await refused(
    gate,
    { method: 'POST', target: keysPath },
    { status: 405, code: 'method_not_allowed', reason: 'method-not-mapped', fields: { allow: 'GET, HEAD' } },
  )
})
