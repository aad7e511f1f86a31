import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode, type TestNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// What is judged has to be what the proxy in front forwards. S-040, and what proxies and their gates have read differently
// before: CVE-2026-40575 (oauth2-proxy), CVE-2024-45410 (Traefik), CVE-2026-30851 (Caddy).

let issuer: TestIssuer
let node: TestNode
let unlisted: TestNode
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

async function ask(at: TestNode, { target = '/.gatehouse/check', ...parts }: Case) {
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
])('S-040 %s from a peer in proxies but not in check.peers gets 403 without an evaluation', async (target, fields) => {
  const reply = await ask(unlisted, { target, fields: [...fields, ['X-Request-Id', `unlisted-${target.length}`]] })

  expect(reply.status).toBe(403)
  expect(reply.json()).toMatchObject({ code: 'forbidden' })
  expect(reply.field('x-gatehouse-status')).toBeUndefined()
  const record = await unlisted.waitForRecord(({ id }) => id === `unlisted-${target.length}`)
  expect(record).toMatchObject({ reason: 'check-unlisted', decision: 'refused' })
  expect(record['route']).toBeUndefined()
  expect(record['fault']).toMatch(/^check\.peers does not list 127\.0\.0\.1/)
})

test.each<[string, number, string, Case]>([
  ['no request is stated', 400, 'check-incomplete', { fields: [client] }],
  [
    'no method: a client could choose',
    400,
    'check-incomplete',
    {
      fields: [
        ['X-Forwarded-Uri', '/public'],
        ['X-Forwarded-Host', 'api.test'],
      ],
    },
  ],
  ['no method beside a URL', 400, 'check-incomplete', { fields: [['X-Original-URL', 'https://api.test/public']] }],
  [
    'no host, where routes go by it',
    400,
    'check-incomplete',
    {
      fields: [
        ['X-Original-Method', 'GET'],
        ['X-Original-URL', '/orders/1'],
      ],
    },
  ],
  ['two sets', 400, 'check-ambiguous', { fields: [...forwarded('/public'), ['X-Original-URL', '/orders/1']] }],
  [
    'the method of another set',
    400,
    'check-ambiguous',
    { fields: [...forwarded('/public'), ['X-Original-Method', 'DELETE']] },
  ],
  [
    'the method of another set',
    400,
    'check-ambiguous',
    { fields: [...original('https://api.test/public'), ['X-Forwarded-Method', 'DELETE']] },
  ],
  [
    'a path below and fields',
    400,
    'check-ambiguous',
    { target: '/.gatehouse/check/public', fields: [['X-Forwarded-Uri', '/orders/1']] },
  ],
  [
    'a path below and a method',
    400,
    'check-ambiguous',
    { target: '/.gatehouse/check/public', fields: [['X-Original-Method', 'GET']] },
  ],
  ['a field twice', 400, 'check-ambiguous', { fields: [...forwarded('/public'), ['X-Forwarded-Uri', '/public']] }],
  ['a method twice', 400, 'check-ambiguous', { fields: [...forwarded('/public'), ['X-Forwarded-Method', 'GET']] }],
  [
    'two hosts',
    400,
    'check-ambiguous',
    { fields: [...original('https://api.test/public'), ['X-Forwarded-Host', 'other.test']] },
  ],
  ['a list of hosts', 400, 'host-malformed', { fields: forwarded('/public', 'GET', 'api.test, other.test') }],
  ['a host with a user', 400, 'host-malformed', { fields: original('https://api.test@other.test/public') }],
  ['a list of methods', 400, 'method-unknown', { fields: forwarded('/public', 'GET, DELETE') }],
  ['a method in lower case', 400, 'method-unknown', { fields: forwarded('/public', 'get') }],
  ['CONNECT', 405, 'method-refused', { fields: forwarded('/public', 'CONNECT') }],
  [
    'a method override',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X-HTTP-Method-Override', 'DELETE']] },
  ],
  ['another one', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-HTTP-Method', 'DELETE']] }],
  ['a third', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-Method-Override', 'DELETE']] }],
  ['a rewritten URL', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-Rewrite-URL', '/orders/1']] }],
  [
    'an alias of an identity',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X_Auth_Request_User', 'root']] },
  ],
  [
    'a word of the gate that no proxy replaces',
    400,
    'check-steered',
    { fields: [...forwarded('/public'), ['X-Auth-Request-Role', 'root']] },
  ],
  ['another one', 400, 'check-steered', { fields: [...forwarded('/public'), ['X-Gatehouse-Subject', 'root']] }],
  ['an alias of a set', 400, 'check-steered', { fields: [...forwarded('/public'), ['X.Forwarded.Uri', '/orders/1']] }],
  [
    'a query of oauth2-proxy',
    400,
    'check-query',
    { target: '/oauth2/auth?allowed_groups=admins', fields: forwarded('/public') },
  ],
  [
    'a style beside something',
    400,
    'check-query',
    { target: '/oauth2/auth?style=nginx&x', fields: forwarded('/public') },
  ],
  ['an absolute URI in the other set', 400, 'target-malformed', { fields: forwarded('https://api.test/public') }],
  ['a URL of another scheme', 400, 'target-malformed', { fields: original('ftp://api.test/public') }],
  ['a URL without a path', 400, 'target-malformed', { fields: original('https://api.test') }],
  ['a query right behind the host', 400, 'target-malformed', { fields: original('https://api.test?/public') }],
  ['a fragment', 400, 'path-fragment', { fields: forwarded('/public#/../orders/1') }],
  ['dot segments', 400, 'path-dot-segment', { fields: forwarded('/public/../orders/1') }],
  ['escaped dot segments', 400, 'path-dot-segment', { fields: original('https://api.test/public/%2e%2e/orders/1') }],
  ['an escaped slash', 400, 'path-encoded-slash', { fields: forwarded('/public%2forders') }],
  ['an escaped query', 400, 'path-parameter', { fields: forwarded('/public/%3Fx;y') }],
  ['two slashes', 400, 'path-empty-segment', { fields: original('https://api.test//public') }],
  ['a backslash', 400, 'path-backslash', { fields: forwarded('/public\\..\\orders') }],
  ['bytes that are no ASCII', 400, 'field-value', { fields: forwarded('/public/\u00e9x') }],
  ['a tab in the query', 400, 'target-malformed', { fields: forwarded('/public?a\tb') }],
  ['dot segments below', 400, 'path-dot-segment', { target: '/.gatehouse/check/public/../orders/1', fields: [] }],
  [
    'a check that is spelled otherwise',
    404,
    'route-unknown',
    { target: '/.gatehouse/%63heck', fields: forwarded('/public') },
  ],
  ['a check of a check', 404, 'route-unknown', { fields: forwarded('/.gatehouse/check') }],
  [
    'an upgrade',
    501,
    'upgrade-unsupported',
    { fields: [...forwarded('/public'), ['Connection', 'Upgrade'], ['Upgrade', 'websocket']] },
  ],
  ['another host', 404, 'route-unknown', { fields: forwarded('/public', 'GET', 'other.test') }],
  [
    'two credentials, one of them in the query',
    401,
    'credential-missing',
    { fields: forwarded('/orders/1?access_token=x') },
  ],
  ['a client that nobody names', 403, 'address-denied', { fields: forwarded('/inside').slice(1) }],
  ['a client that nobody names, and may be barred', 403, 'address-denied', { fields: forwarded('/outside').slice(1) }],
])('%s: %i, %s', async (_, status, reason, asked) => {
  const id = `case-${Math.random().toString(36).slice(2)}`
  const reply = await ask(node, { ...asked, fields: [...asked.fields, ['X-Request-Id', id]] })
  // What is refused before the id is taken over has one of the gate's.
  const own = reply.field('x-request-id')
  const record = await node.waitForRecord((one) => one['id'] === own)

  expect([reply.status, record['reason']]).toEqual([status, reason])
})

test.each<[string, number, Case]>([
  [
    'the host of the check itself is not the one that is judged',
    401,
    { host: 'gate.internal', fields: forwarded('/orders/1') },
  ],
  [
    'a port and letters in upper case are the same host',
    200,
    { fields: [...original('HTTPS://API.test:8443/public'), ['X-Forwarded-Host', 'api.test']] },
  ],
  ['what stands before the first ? is the path', 401, { fields: original('https://api.test/orders/1?/../public?x') }],
  [
    'an escaped ? is none',
    404,
    { fields: original('https://api.test/public%3F/../orders').map(([n, v]) => [n, v.replace('/..', '')]) },
  ],
  ['escapes of plain letters are those letters', 401, { fields: forwarded('/%6Frders/1') }],
  [
    'the query below is that of the target, whatever it says',
    200,
    { target: '/.gatehouse/check/public?style=nginx', fields: [] },
  ],
  ['HEAD may what GET may', 401, { fields: forwarded('/orders/1', 'HEAD') }],
  [
    'a check by HEAD judges the method that is stated',
    401,
    { method: 'HEAD', fields: forwarded('/orders/1', 'DELETE') },
  ],
  ['a check by POST too', 200, { method: 'POST', fields: forwarded('/public') }],
  [
    'the length of a body that does not come',
    200,
    { method: 'GET', fields: [...forwarded('/public'), ['Content-Length', '5000']] },
  ],
])('%s: %i', async (_, status, asked) => {
  expect((await ask(node, asked)).status).toBe(status)
})

test('a token in the stated query beside one in Authorization counts as two credentials', async () => {
  const reply = await ask(node, { token: issuer.sign(), fields: forwarded('/orders/1?access_token=x') })

  expect(reply.status).toBe(400)
  expect(reply.json()).toMatchObject({ code: 'invalid_request' })
})

test.each([
  '/.gatehouse/check',
  '/.gatehouse/callback',
  '/.well-known/oauth-protected-resource/orders',
  '/%2ewell-known/gatehouse/jwks.json',
  '/oauth2/auth',
])('%s is answered by the gate, whatever a route matches', async (path) => {
  const reply = await ask(anyPath, { fields: forwarded(path) })

  expect(reply.status).toBe(404)
  expect((await ask(anyPath, { fields: forwarded('/well-known') })).status).toBe(200)
})

test('a check without a host is accepted if no route matches by host', async () => {
  const reply = await ask(anyHost, { fields: original('/public') })

  expect(reply.status).toBe(200)
})

test('identity fields sent by the client are listed for removal in the check reply', async () => {
  const reply = await ask(node, {
    fields: [...forwarded('/public'), ['X-Auth-Request-User', 'root'], ['X-Gatehouse-Jwt-Assertion', 'forged']],
  })

  expect(reply.status).toBe(200)
  const removed = reply.field('x-envoy-auth-headers-to-remove')!.split(',')
  expect(removed).toContain('x-auth-request-user')
  expect(removed).toContain('x-gatehouse-jwt-assertion')
})
