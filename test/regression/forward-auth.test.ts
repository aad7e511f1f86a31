import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'

// A proxy sends a check (forward authentication), and the gate must evaluate the request that the proxy forwards. The
// cases are S-040, and requests that proxies and their authorization services read differently: CVE-2026-40575
// (oauth2-proxy), CVE-2024-45410 (Traefik), CVE-2026-30851 (Caddy).

let issuer: TestIssuer
let node: TestNode
let unlisted: TestNode
let mapped: TestNode
let anyHost: TestNode
let anyPath: TestNode

beforeAll(async () => {
  issuer = await startIssuer()
  const upstream = await startUpstream()
  const orders = (host?: string) => [
    { id: 'open', match: { path: '/public/**', ...(host && { host }) }, require: 'public' },
    {
      id: 'read',
      match: { path: '/orders/**', methods: ['GET'], ...(host && { host }) },
      require: scope('orders:read'),
    },
    {
      id: 'write',
      match: { path: '/orders/**', methods: ['DELETE'], ...(host && { host }) },
      require: scope('orders:write'),
    },
  ]
  const policy = (...routes: object[]) => ({
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
    services: { orders: { upstreams: [upstream.url], credentials: 'none', auth_request_headers: true, routes } },
  })
  const inside = { id: 'inside', match: { path: '/inside' }, require: 'public', addresses: { allow: ['127.0.0.0/8'] } }
  const outside = { id: 'outside', match: { path: '/outside' }, require: 'public', addresses: { deny: ['10.0.0.0/8'] } }
  const elsewhere = { id: 'elsewhere', match: { path: '/orders/**' }, require: 'public' }
  node = await startNode({
    policy: policy(...orders('api.test'), elsewhere, inside, outside),
    settings: { check: { peers: ['127.0.0.0/8'] } },
  })
  const names = { user: 'X-User', email: 'X-Forwarded-Email', groups: 'X-WebAuth-Groups' }
  const read = { id: 'mapped', match: { path: '/orders/**' }, require: scope('orders:read') }
  mapped = await startNode({
    policy: {
      ...policy(),
      services: { mapped: { upstreams: [upstream.url], auth_request_headers: names, routes: [read] } },
    },
    settings: { check: { peers: ['127.0.0.0/8'] } },
  })
  anyHost = await startNode({ policy: policy(...orders()), settings: { check: { peers: ['127.0.0.0/8'] } } })
  const all = { id: 'all', match: { path: '/**' }, require: 'public' }
  anyPath = await startNode({ policy: policy(all), settings: { check: { peers: ['127.0.0.0/8'] } } })
  unlisted = await startNode({
    policy: policy(...orders()),
    settings: { proxies: ['127.0.0.0/8'], check: { peers: ['192.0.2.0/24'] } },
  })
})

const scope = (name: string) => ({ scopes: { all: [name] } })

interface Case {
  readonly target?: string
  readonly method?: string
  readonly token?: string
  readonly fields: [string, string][]
  readonly host?: string
}

async function check(at: TestNode, { target = '/.gatehouse/check', ...parts }: Case) {
  return request(at.port, requestBytes({ target, ...parts }), { head: parts.method === 'HEAD' })
}

const client: [string, string] = ['X-Forwarded-For', '203.0.113.9']
const forwarded = (uri: string, method = 'GET', host = 'api.test'): [string, string][] => [
  client,
  ['X-Forwarded-Method', method],
  ['X-Forwarded-Host', host],
  ['X-Forwarded-Uri', uri],
]
const original = (url: string, method = 'GET'): [string, string][] => [
  client,
  ['X-Original-Method', method],
  ['X-Original-URL', url],
]

test.each([
  ['/.gatehouse/check', forwarded('/public')],
  ['/oauth2/auth', original('https://api.test/public')],
  ['/.gatehouse/check/public', []],
  ['/.gatehouse/check?style=nginx', original('https://api.test/nowhere')],
])(
  'S-040 the gate replies 403 to a check at %s by a peer in `proxies` but not in `check.peers`, and does not evaluate it',
  async (target, fields) => {
    const reply = await check(unlisted, { target, fields: [...fields, ['X-Request-Id', `unlisted-${target.length}`]] })

    expect(reply.status).toBe(403)
    expect(reply.json()).toMatchObject({ code: 'forbidden' })
    expect(reply.field('x-gatehouse-status')).toBeUndefined()
    const record = await unlisted.waitForRecord(({ id }) => id === `unlisted-${target.length}`)
    expect(record).toMatchObject({ reason: 'check-unlisted', decision: 'refused' })
    expect(record['route']).toBeUndefined()
    expect(record['fault']).toMatch(/^check\.peers must list 127\.0\.0\.1/)
  },
)

test.each<[string, number, string, Case]>([
  ['no fields about a request', 400, 'check-incomplete', { fields: [client] }],
  [
    'no method',
    400,
    'check-incomplete',
    {
      fields: [
        ['X-Forwarded-Uri', '/public'],
        ['X-Forwarded-Host', 'api.test'],
      ],
    },
  ],
  ['a URL but no method', 400, 'check-incomplete', { fields: [['X-Original-URL', 'https://api.test/public']] }],
  [
    'no host although routes match by host',
    400,
    'check-incomplete',
    {
      fields: [
        ['X-Original-Method', 'GET'],
        ['X-Original-URL', '/orders/1'],
      ],
    },
  ],
  [
    'two sets of fields',
    400,
    'check-ambiguous',
    { fields: [...forwarded('/public'), ['X-Original-URL', '/orders/1']] },
  ],
  [
    'X-Original-Method in the X-Forwarded set',
    400,
    'check-ambiguous',
    { fields: [...forwarded('/public'), ['X-Original-Method', 'DELETE']] },
  ],
  [
    'X-Forwarded-Method in the X-Original set',
    400,
    'check-ambiguous',
    { fields: [...original('https://api.test/public'), ['X-Forwarded-Method', 'DELETE']] },
  ],
  [
    'a path in its target and a URI field',
    400,
    'check-ambiguous',
    { target: '/.gatehouse/check/public', fields: [['X-Forwarded-Uri', '/orders/1']] },
  ],
  [
    'a path in its target and a method field',
    400,
    'check-ambiguous',
    { target: '/.gatehouse/check/public', fields: [['X-Original-Method', 'GET']] },
  ],
  [
    'a duplicate URI field',
    400,
    'check-ambiguous',
    { fields: [...forwarded('/public'), ['X-Forwarded-Uri', '/public']] },
  ],
  [
    'a duplicate method field',
    400,
    'check-ambiguous',
    { fields: [...forwarded('/public'), ['X-Forwarded-Method', 'GET']] },
  ],
  [
    'two different hosts',
    400,
    'check-ambiguous',
    { fields: [...original('https://api.test/public'), ['X-Forwarded-Host', 'other.test']] },
  ],
  ['a list of hosts', 400, 'host-malformed', { fields: forwarded('/public', 'GET', 'api.test, other.test') }],
  ['user information in the host', 400, 'host-malformed', { fields: original('https://api.test@other.test/public') }],
  ['a list of methods', 400, 'method-unknown', { fields: forwarded('/public', 'GET, DELETE') }],
  ['a method in lower case', 400, 'method-unknown', { fields: forwarded('/public', 'get') }],
  ['the method CONNECT', 405, 'method-refused', { fields: forwarded('/public', 'CONNECT') }],
  [
    'X-HTTP-Method-Override',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X-HTTP-Method-Override', 'DELETE']] },
  ],
  ['X-HTTP-Method', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-HTTP-Method', 'DELETE']] }],
  ['X-Method-Override', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-Method-Override', 'DELETE']] }],
  ['X-Rewrite-URL', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-Rewrite-URL', '/orders/1']] }],
  [
    'an alias of an identity field',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X_Auth_Request_User', 'root']] },
  ],
  [
    'a forged X-Auth-Request field that no proxy replaces',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X-Auth-Request-Role', 'root']] },
  ],
  [
    'a forged X-Gatehouse field',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X-Gatehouse-Subject', 'root']] },
  ],
  [
    'an alias of a URI field',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X.Forwarded.Uri', '/orders/1']] },
  ],
  [
    'a query parameter of oauth2-proxy',
    400,
    'check-query',
    { target: '/oauth2/auth?allowed_groups=admins', fields: forwarded('/public') },
  ],
  [
    'a style and another query parameter',
    400,
    'check-query',
    { target: '/oauth2/auth?style=nginx&x', fields: forwarded('/public') },
  ],
  ['an absolute URI in X-Forwarded-Uri', 400, 'target-malformed', { fields: forwarded('https://api.test/public') }],
  ['a URL with the scheme ftp', 400, 'target-malformed', { fields: original('ftp://api.test/public') }],
  ['a URL without a path', 400, 'target-malformed', { fields: original('https://api.test') }],
  ['a query directly after the host', 400, 'target-malformed', { fields: original('https://api.test?/public') }],
  ['a fragment', 400, 'path-fragment', { fields: forwarded('/public#/../orders/1') }],
  ['dot segments', 400, 'path-dot-segment', { fields: forwarded('/public/../orders/1') }],
  ['escaped dot segments', 400, 'path-dot-segment', { fields: original('https://api.test/public/%2e%2e/orders/1') }],
  ['an escaped slash', 400, 'path-encoded-slash', { fields: forwarded('/public%2forders') }],
  ['an escaped query', 400, 'path-parameter', { fields: forwarded('/public/%3Fx;y') }],
  ['two slashes', 400, 'path-empty-segment', { fields: original('https://api.test//public') }],
  ['a backslash', 400, 'path-backslash', { fields: forwarded('/public\\..\\orders') }],
  ['non-ASCII bytes in the path', 400, 'field-value', { fields: forwarded('/public/\u00e9x') }],
  ['a tab in the query', 400, 'target-malformed', { fields: forwarded('/public?a\tb') }],
  [
    'dot segments in its target',
    400,
    'path-dot-segment',
    { target: '/.gatehouse/check/public/../orders/1', fields: [] },
  ],
  [
    'an escaped letter in the check path',
    404,
    'route-unknown',
    { target: '/.gatehouse/%63heck', fields: forwarded('/public') },
  ],
  ['the check path as the requested path', 404, 'route-unknown', { fields: forwarded('/.gatehouse/check') }],
  [
    'an upgrade',
    501,
    'upgrade-unsupported',
    { fields: [...forwarded('/public'), ['Connection', 'Upgrade'], ['Upgrade', 'websocket']] },
  ],
  ['an unknown host', 404, 'route-unknown', { fields: forwarded('/public', 'GET', 'other.test') }],
  ['a token only in the query', 401, 'credential-missing', { fields: forwarded('/orders/1?access_token=x') }],
  ['no client address on a route with an allow list', 403, 'address-denied', { fields: forwarded('/inside').slice(1) }],
  ['no client address on a route with a deny list', 403, 'address-denied', { fields: forwarded('/outside').slice(1) }],
])('the gate rejects a forward-auth check with %s: status %i, reason %s', async (_, status, reason, asked) => {
  const id = `case-${Math.random().toString(36).slice(2)}`
  const reply = await check(node, { ...asked, fields: [...asked.fields, ['X-Request-Id', id]] })
  // The gate assigns its own id to a check that is rejected before its request id is read.
  const own = reply.field('x-request-id')
  const record = await node.waitForRecord((one) => one['id'] === own)

  expect([reply.status, record['reason']]).toEqual([status, reason])
})

test.each<[string, number, Case]>([
  [
    'another host in its own Host field, which is not evaluated',
    401,
    { host: 'gate.internal', fields: forwarded('/orders/1') },
  ],
  [
    'a port and an upper-case host, which is normalized',
    200,
    { fields: [...original('HTTPS://API.test:8443/public'), ['X-Forwarded-Host', 'api.test']] },
  ],
  [
    'two question marks, of which the first ends the path',
    401,
    { fields: original('https://api.test/orders/1?/../public?x') },
  ],
  [
    'an escaped question mark, which does not end the path',
    404,
    { fields: original('https://api.test/public%3F/../orders').map(([n, v]) => [n, v.replace('/..', '')]) },
  ],
  ['an escaped plain letter in the path, which is decoded', 401, { fields: forwarded('/%6Frders/1') }],
  [
    'a query after a path in its target, which is read as the query of the requested URL',
    200,
    { target: '/.gatehouse/check/public?style=nginx', fields: [] },
  ],
  ['the stated method HEAD, which matches the route of GET', 401, { fields: forwarded('/orders/1', 'HEAD') }],
  ['its own method HEAD, which is not evaluated', 401, { method: 'HEAD', fields: forwarded('/orders/1', 'DELETE') }],
  ['its own method POST, which is not evaluated', 200, { method: 'POST', fields: forwarded('/public') }],
  [
    'a Content-Length but no body',
    200,
    { method: 'GET', fields: [...forwarded('/public'), ['Content-Length', '5000']] },
  ],
])('the gate evaluates a forward-auth check with %s (%i)', async (_, status, asked) => {
  expect((await check(node, asked)).status).toBe(status)
})

test('the gate rejects a forward-auth check with a token in the original query and one in Authorization (400)', async () => {
  const reply = await check(node, { token: issuer.sign(), fields: forwarded('/orders/1?access_token=x') })

  expect(reply.status).toBe(400)
  expect(reply.json()).toMatchObject({ code: 'invalid_request' })
})

test.each([
  '/.gatehouse/check',
  '/.gatehouse/callback',
  '/.well-known/oauth-protected-resource/orders',
  '/%2ewell-known/gatehouse/jwks.json',
  '/oauth2/auth',
])(
  'the gate replies 404 to a forward-auth check of %s, which is a path of the gate itself, although a route matches',
  async (path) => {
    const reply = await check(anyPath, { fields: forwarded(path) })

    expect(reply.status).toBe(404)
    expect((await check(anyPath, { fields: forwarded('/well-known') })).status).toBe(200)
  },
)

test('the gate accepts a forward-auth check without a host if no route matches by host', async () => {
  const reply = await check(anyHost, { fields: original('/public') })

  expect(reply.status).toBe(200)
})

test('the gate lists identity fields sent by the client for removal in the reply to a forward-auth check', async () => {
  const reply = await check(node, {
    fields: [...forwarded('/public'), ['X-Auth-Request-User', 'root'], ['X-Gatehouse-Jwt-Assertion', 'forged']],
  })

  expect(reply.status).toBe(200)
  const removed = reply.field('x-envoy-auth-headers-to-remove')!.split(',')
  expect(removed).toContain('x-auth-request-user')
  expect(removed).toContain('x-gatehouse-jwt-assertion')
})

test.each([
  'X-User',
  'x_user',
  'X.User',
  'X-Forwarded-Email',
  'X_Forwarded_Email',
  'X-WebAuth-Groups',
  'X_WebAuth-Groups',
])(
  'the gate replies 400 to a forward-auth check in which the client sent the field %s, which only the gate may set',
  async (name) => {
    const reply = await check(mapped, { token: issuer.sign(), fields: [...forwarded('/orders/1'), [name, 'root']] })

    expect(reply.status).toBe(400)
  },
)

test('the reply to a forward-auth check states the user in the mapped fields, and lists the other identity fields for removal', async () => {
  const token = issuer.sign({ claims: { email: 'alice@example.test' } })
  const reply = await check(mapped, { token, fields: forwarded('/orders/1') })

  expect([reply.status, reply.field('x-user'), reply.field('x-forwarded-email')]).toEqual([
    200,
    'alice',
    'alice@example.test',
  ])
  expect(reply.field('x-auth-request-user')).toBeUndefined()
  const removed = reply.field('x-envoy-auth-headers-to-remove')!.split(',')
  expect(removed).toContain('x-webauth-groups')
  expect(removed).not.toContain('x-user')
})
