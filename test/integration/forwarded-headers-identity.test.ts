import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// The policy decides which identity a service receives: an assertion of the gate, the token, or none. A service never
// receives what the client claims about itself (S-035).

const issuer = await startIssuer()
const upstream = await startUpstream()

const service = (id: string, entry: object) => ({
  upstreams: [upstream.url],
  routes: [
    { id, match: { path: `/${id}/**` }, require: { scopes: { all: ['orders:read'] } } },
    { id: `${id}.public`, match: { path: `/${id}/public/**` }, require: 'public' },
  ],
  ...entry,
})
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
    services: {
      asserted: service('asserted', {}),
      token: service('token', { credentials: 'token' }),
      none: service('none', { credentials: 'none' }),
      requested: service('requested', { credentials: 'none', auth_request_headers: true }),
      mapped: service('mapped', {
        credentials: 'none',
        auth_request_headers: {
          user: 'X-Forwarded-User',
          email: 'X-User-Email',
          groups: 'X-WEBAUTH-GROUPS',
          claims: { user: 'preferred_username', groups: 'realm_access.roles' },
        },
      }),
    },
  },
})

type Field = readonly [name: string, value: string]

async function received(target: string, token: string | undefined, fields: readonly Field[] = []) {
  const reply = await request(node.port, requestBytes({ target, fields, ...(token === undefined ? {} : { token }) }))
  expect(reply.status, reply.text).toBe(200)
  return upstream.next()
}

const forged: Field[] = [
  ['X-Gatehouse-Jwt-Assertion', 'forged'],
  ['x_gatehouse_jwt_assertion', 'forged'],
  ['X.Gatehouse.Jwt.Assertion', 'forged'],
  ['X-Auth-Request-User', 'forged'],
  ['X-Auth-Request_Email', 'forged'],
  ['X-Auth-Request-Groups', 'forged'],
]
const forgeries = (fields: readonly (readonly [string, string])[]) => fields.filter(([, value]) => value === 'forged')

test('a service with `credentials: assertion` receives an assertion for this service and no token', async () => {
  const token = issuer.sign()
  const got = await received('/asserted/1', token, forged)

  expect(got.all('authorization')).toEqual([])
  const [assertion, ...more] = got.all('x-gatehouse-jwt-assertion')
  expect(more).toEqual([])
  expect(decodeJwt(assertion!)).toMatchObject({
    aud: 'asserted',
    sub: 'alice',
    client_id: 'reader',
    token_issuer: issuer.url,
  })
  expect(forgeries(got.fields)).toEqual([])
  expect(JSON.stringify(got.fields)).not.toContain(token)
})

test("a service with `credentials: token` receives the client's token and no assertion", async () => {
  const token = issuer.sign()
  const got = await received('/token/1', token, forged)

  expect(got.all('authorization')).toEqual([`Bearer ${token}`])
  expect(got.all('x-gatehouse-jwt-assertion')).toEqual([])
  expect(forgeries(got.fields)).toEqual([])
})

test('a service with `credentials: none` receives neither token nor assertion', async () => {
  const token = issuer.sign()
  const got = await received('/none/1', token, forged)

  expect(got.all('authorization')).toEqual([])
  expect(got.fields.filter(([name]) => /^x-(gatehouse|auth-request)/i.test(name))).toEqual([])
  expect(JSON.stringify(got.fields)).not.toContain(token)
})

test.each(['asserted', 'token', 'none', 'requested'])(
  'the service "%s" receives no credential and no identity on a public route',
  async (id) => {
    const got = await received(`/${id}/public/1`, issuer.sign(), forged)

    expect(got.all('authorization')).toEqual([])
    expect(got.fields.filter(([name]) => /gatehouse|auth.request/i.test(name))).toEqual([])
  },
)

test('with auth_request_headers, a service receives the identity from the token only', async () => {
  const token = issuer.sign({
    claims: { email: 'alice@example.test', preferred_username: 'Alïce', groups: ['staff', 'a,b', 7, 'admins'] },
  })
  const got = await received('/requested/1', token, forged)

  expect(got.all('x-auth-request-user')).toEqual(['alice'])
  expect(got.all('x-auth-request-email')).toEqual(['alice@example.test'])
  expect(got.all('x-auth-request-preferred-username')).toEqual([Buffer.from('Alïce').toString('latin1')])
  expect(got.all('x-auth-request-groups')).toEqual(['staff,admins'])
  expect(forgeries(got.fields)).toEqual([])
})

test('with auth_request_headers, a service receives no identity field for a claim that is missing or not a string', async () => {
  const token = issuer.sign({ claims: { email: ['a@b'], preferred_username: 'a\r\nX-Injected: 1', groups: [] } })
  const got = await received('/requested/1', token, forged)

  expect(got.all('x-auth-request-user')).toEqual(['alice'])
  for (const name of ['email', 'preferred-username', 'groups']) expect(got.all(`x-auth-request-${name}`)).toEqual([])
  expect(got.all('x-injected')).toEqual([])
  expect(upstream.malformed).toEqual([])
})

const aliases = (name: string) => [name, name.replaceAll('-', '_'), name.replaceAll('-', '.'), name.toUpperCase()]
const forgedNames: Field[] = ['X-Forwarded-User', 'X-User-Email', 'X-WebAuth-Groups']
  .flatMap(aliases)
  .map((name) => [name, 'forged'])

test('with auth_request_headers as a mapping, a service receives the configured claims in the mapped fields, and no field of the client with such a name or alias', async () => {
  const token = issuer.sign({
    claims: {
      email: 'alice@example.test',
      preferred_username: 'Alïce',
      groups: ['other'],
      realm_access: { roles: ['staff', 'a,b', 'x\r\nX-Injected: 1', 'admins'] },
    },
  })

  const got = await received('/mapped/1', token, forgedNames)

  expect(got.all('x-forwarded-user')).toEqual([Buffer.from('Alïce').toString('latin1')])
  expect(got.all('x-user-email')).toEqual(['alice@example.test'])
  expect(got.all('x-webauth-groups')).toEqual(['staff,admins'])
  expect(forgeries(got.fields)).toEqual([])
  expect(got.fields.filter(([name]) => /auth.request|injected/i.test(name))).toEqual([])
  expect(upstream.malformed).toEqual([])
})

test.each([
  ['a public route', '/mapped/public/1', {}],
  ['a token without the claims', '/mapped/1', { realm_access: 'staff' }],
])(
  'with auth_request_headers as a mapping, a service receives none of the mapped fields on %s',
  async (_, target, claims) => {
    const got = await received(target, issuer.sign({ claims }), forgedNames)

    expect(got.fields.filter(([name]) => /forwarded.user|user.email|webauth/i.test(name))).toEqual([])
  },
)

test("a client that names the gate's fields in Connection does not remove them (S-036)", async () => {
  const got = await received('/asserted/1', issuer.sign(), [
    ['Connection', 'X-Gatehouse-Jwt-Assertion, Authorization, X-Request-Id, Via, X-Forwarded-For'],
  ])

  expect(got.all('x-gatehouse-jwt-assertion')).toHaveLength(1)
  for (const name of ['x-request-id', 'via', 'x-forwarded-for']) expect(got.all(name)).toHaveLength(1)
})
