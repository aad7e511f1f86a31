import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { TestEnvoy } from '../kit/envoy.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/guide/ext-authz.md: Envoy asks the gate about each request with a CheckRequest over gRPC. A real gRPC client with
// the original protos stands for Envoy.

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])
const scope = (name: string) => ({ scopes: { all: [name] } })
const node = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
    services: {
      orders: {
        upstreams: [upstream.url],
        auth_request_headers: true,
        routes: [
          { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scope('orders:read') },
          { id: 'rpc', match: { path: '/demo.Orders/*', methods: ['POST'] }, require: scope('orders:read') },
          { id: 'open', match: { path: '/public/**' }, require: 'public' },
          { id: 'inside', match: { path: '/inside' }, require: 'public', addresses: { allow: ['198.51.100.0/24'] } },
          {
            id: 'few',
            match: { path: '/few' },
            require: 'public',
            limits: [{ name: 'few', by: 'address', requests: 1, window: '1h' }],
          },
        ],
      },
    },
  },
  settings: {
    listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true },
    check: { peers: ['127.0.0.1'] },
    proxies: ['10.9.0.0/16'],
  },
})
const envoys = { map: new TestEnvoy(node.http2Port), list: new TestEnvoy(node.http2Port, { raw: true }) }
const bearer = (claims: Record<string, unknown> = {}): [string, string] => [
  'authorization',
  `Bearer ${issuer.sign({ claims })}`,
]

test.each(Object.entries(envoys))(
  'Envoy forwards a request that an ext_authz check admits, with the identity fields of the gate (headers as %s)',
  async (_, envoy) => {
    const verdict = await envoy.check({
      path: '/orders/7?x=%20y',
      fields: [
        bearer({ email: 'alice@example.com' }),
        ['cookie', '__Host-gatehouse=stolen; theme=dark'],
        ['x-gatehouse-jwt-assertion', 'forged'],
        ['x-auth-request-user', 'root'],
        ['x-auth-request-groups', 'admins'],
        ['x-real-ip', '10.0.0.1'],
        ['x-tenant', 'acme'],
      ],
    })
    const fields = Object.fromEntries(verdict.forwarded)

    expect(verdict.admitted).toBe(true)
    expect(decodeJwt(fields['x-gatehouse-jwt-assertion']!)).toMatchObject({ aud: 'orders', sub: 'alice' })
    expect(fields).toMatchObject({
      'x-auth-request-user': 'alice',
      'x-auth-request-email': 'alice@example.com',
      cookie: 'theme=dark',
      'x-tenant': 'acme',
    })
    for (const name of ['authorization', 'x-auth-request-groups', 'x-real-ip']) expect(fields).not.toHaveProperty(name)
  },
)

test.each([
  ['without a token', { path: '/orders/7' }, 401, 'credential_required'],
  ['without the scope', { path: '/orders/7', fields: [bearer({ scope: 'other' })] }, 403, 'insufficient_scope'],
  ['with a wrong method', { path: '/orders/7', method: 'DELETE' }, 405, 'method_not_allowed'],
  ['to an unknown path', { path: '/elsewhere' }, 404, 'not_found'],
  ["to the gate's own path", { path: '/.gatehouse/jwks' }, 404, 'not_found'],
  ['with CONNECT', { path: '/orders/7', method: 'CONNECT' }, 405, 'method_not_allowed'],
] as const)('a client of Envoy gets the refusal of the gate for a request %s', async (_, request, status, code) => {
  const verdict = await envoys.list.check(request)
  const { denied_response } = verdict.response

  expect([verdict.admitted, verdict.status]).toEqual([false, status])
  expect(JSON.parse(denied_response!.body!)).toMatchObject({ status, code })
  expect(verdict.field('content-type')).toBe('application/problem+json')
  expect(verdict.field('cache-control')).toBe('no-store')
  expect(verdict.field('www-authenticate')?.startsWith('Bearer ')).toBe(status === 401 || status === 403 || undefined)
  const id = verdict.field('x-request-id')
  expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ status, check: true })
})

test('ext_authz checks count against a rate limit, a refused check has Retry-After, and the service gets no field about the limit', async () => {
  const first = await envoys.list.check({ path: '/few' })
  const second = await envoys.list.check({ path: '/few' })

  expect([first.status, first.field('ratelimit')?.includes('"few"')]).toEqual([200, true])
  expect(first.forwarded.some(([name]) => name.startsWith('ratelimit'))).toBe(false)
  expect([second.status, Number(second.field('retry-after')) > 0]).toEqual([429, true])
})

const call = { method: 'POST', path: '/demo.Orders/Get', protocol: 'HTTP/2' }
const grpc: [string, string] = ['content-type', 'application/grpc']

test.each([
  ['without a token', { ...call, fields: [grpc] }, 401, '16', 'Unauthorized (credential_required)'],
  [
    'without the scope',
    { ...call, fields: [grpc, bearer({ scope: 'other' })] },
    403,
    '7',
    'Forbidden (insufficient_scope)',
  ],
  ['of an unknown method', { ...call, path: '/demo.Unknown/Get', fields: [grpc] }, 404, '12', 'Not Found (not_found)'],
] as const)(
  'a gRPC client of Envoy gets the gRPC status of the refusal for a call %s',
  async (_, request, status, code, message) => {
    const verdict = await envoys.list.check(request)

    expect([verdict.status, verdict.field('grpc-status')]).toEqual([status, code])
    // Envoy sends the body of the denial as grpc-message, and the content type of gRPC.
    expect(verdict.response.denied_response?.body).toBe(message)
    expect([verdict.field('content-type'), verdict.field('grpc-message')]).toEqual([undefined, undefined])
    expect(verdict.field('www-authenticate')?.startsWith('Bearer ')).toBe(status === 404 ? undefined : true)
  },
)

test('an ext_authz check admits a gRPC call over HTTP/2, and refuses a gRPC call over HTTP/1.1, which has no trailers', async () => {
  const fields = [grpc, bearer()]

  expect((await envoys.list.check({ ...call, fields })).status).toBe(200)
  expect((await envoys.list.check({ ...call, fields, protocol: 'HTTP/1.1' })).status).toBe(415)
})

test('an ext_authz check decides a gRPC-Web request like an ordinary request, because Envoy forwards gRPC-Web unchanged', async () => {
  const fields: [string, string][] = [['content-type', 'application/grpc-web+proto'], bearer()]

  expect((await envoys.list.check({ ...call, fields })).status).toBe(200)
})

test.each([
  ['of the peer of Envoy', { source: '198.51.100.7' }, 200, '198.51.100.7'],
  [
    'that a client claims',
    { source: '203.0.113.9', fields: [['x-forwarded-for', '198.51.100.7']] },
    403,
    '203.0.113.9',
  ],
  [
    'that a listed proxy states',
    { source: '10.9.0.1', fields: [['x-forwarded-for', '198.51.100.7']] },
    200,
    '198.51.100.7',
  ],
  [
    'to the left of the nearest unlisted one',
    { source: '10.9.0.1', fields: [['x-forwarded-for', '198.51.100.7, 203.0.113.9']] },
    403,
    '203.0.113.9',
  ],
  [
    'of a client over a Unix socket',
    { source: undefined, fields: [['x-forwarded-for', '198.51.100.7']] },
    403,
    '0.0.0.0',
  ],
] as const)(
  'the gate finds the right client address for an ext_authz check: the address %s',
  async (_, request, status, address) => {
    const before = node.accessLog().length
    const verdict = await envoys.list.check({ path: '/inside', ...request })

    expect(verdict.status).toBe(status)
    await node.waitForRecord((record) => node.accessLog().indexOf(record) >= before && record['address'] === address)
  },
)

const admin = bearer()

test.each([
  ['an identity field of the gate', { fields: [admin, ['x-gatehouse-user', 'root']] }],
  ['an alias of an identity field', { fields: [admin, ['x_auth_request_user', 'root']] }],
  ['an alias of a forwarding field', { fields: [admin, ['x_forwarded_for', '10.0.0.1']] }],
  ['an identity of another product', { fields: [admin, ['x-amzn-oidc-identity', 'root']] }],
  ['another user of a proxy', { fields: [admin, ['x-forwarded-user', 'root']] }],
  ['a method override', { fields: [admin, ['x-http-method-override', 'DELETE']] }],
  ['another URL', { fields: [admin, ['x-rewrite-url', '/admin']] }],
  ['two tokens', { fields: [admin, bearer({ sub: 'bob' })] }],
  ['another Host', { fields: [admin, ['host', 'evil.test']] }],
  ['another X-Forwarded-Host', { fields: [admin, ['x-forwarded-host', 'evil.test']] }],
  ['two hosts in one', { host: 'api.test,evil.test', fields: [admin] }],
  ['user info in the host', { host: 'a@api.test', fields: [admin] }],
  ['an absolute path', { path: 'http://api.test/orders/7', fields: [admin] }],
  ['a path without a slash', { path: 'orders/7', fields: [admin] }],
  ['a dot segment', { path: '/public/../orders/7', fields: [admin] }],
  ['an escaped dot segment', { path: '/public/%2e%2e/orders/7', fields: [admin] }],
  ['an escaped slash', { path: '/orders%2f7', fields: [admin] }],
  ['an empty segment', { path: '//orders/7', fields: [admin] }],
  ['a backslash', { path: '/public\\..\\orders/7', fields: [admin] }],
  ['a fragment', { path: '/orders/7#a', fields: [admin] }],
  ['a path parameter', { path: '/orders;a=b/7', fields: [admin] }],
  ['a control character in the path', { path: '/orders/%00', fields: [admin] }],
  ['a field without a name', { fields: [admin, ['', 'a']] }],
  ['a field name with a space', { fields: [admin, ['x a', 'b']] }],
  ['a field name in upper case', { fields: [admin, ['X-Auth-Request-User', 'root']] }],
  ['a line break in a value', { fields: [admin, ['x-a', 'b\r\nx-auth-request-user: root']] }],
  ['bytes that are no UTF-8', { fields: [admin, ['x-a', '\xff']] }],
  [
    'Content-Length and Transfer-Encoding',
    { fields: [admin, ['content-length', '1'], ['transfer-encoding', 'chunked']] },
  ],
  ['a WebSocket handshake', { fields: [admin, ['upgrade', 'websocket'], ['connection', 'upgrade']] }],
  ['a token in the query too', { path: '/orders/7?access_token=a', fields: [admin] }],
] as const)('an ext_authz check refuses a request with %s', async (_, request) => {
  const verdict = await envoys.list.check({ path: '/orders/7', ...request } as Parameters<TestEnvoy['check']>[0])

  expect([verdict.admitted, verdict.status >= 400, verdict.status < 502]).toEqual([false, true, true])
})

test('an ext_authz check refuses repeated fields that Envoy joined in its map of header fields', async () => {
  const proofs: [string, string][] = [
    ['dpop', 'a'],
    ['dpop', 'b'],
  ]

  expect((await envoys.map.check({ path: '/orders/7', fields: [admin, admin] })).admitted).toBe(false)
  expect((await envoys.map.check({ path: '/orders/7', fields: [admin, ...proofs] })).admitted).toBe(false)
})

test('client fields that state another request do not change the decision of an ext_authz check, and Envoy removes them', async () => {
  const verdict = await envoys.list.check({
    path: '/public/1',
    fields: [
      ['x-original-url', '/orders/7'],
      ['x-original-method', 'DELETE'],
      ['x-forwarded-uri', '/orders/7'],
      ['x-forwarded-method', 'DELETE'],
      ['x-forwarded-host', 'api.test'],
      ['forwarded', 'for=10.0.0.1;host=evil.test'],
      ['proxy', 'http://evil.test'],
    ],
  })

  expect(verdict.status).toBe(200)
  expect(verdict.forwarded.map(([name]) => name).sort()).toEqual([
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-request-id',
  ])
})

test('after an ext_authz check, Envoy removes the client fields that Connection names, except fields that the gate sets', async () => {
  const verdict = await envoys.list.check({
    path: '/orders/7',
    fields: [bearer(), ['connection', 'x-tenant, x-auth-request-user, host'], ['x-tenant', 'acme'], ['x-other', 'a']],
  })
  const fields = Object.fromEntries(verdict.forwarded)

  expect(fields).toMatchObject({ 'x-auth-request-user': 'alice', 'x-other': 'a' })
  expect(fields).not.toHaveProperty('x-tenant')
})

test('the HTTP/1.1 listener offers no ext_authz service, and no listener forwards requests for the path of the ext_authz service', async () => {
  const reply = await request(
    node.port,
    requestBytes({ method: 'POST', target: '/envoy.service.auth.v3.Authorization/Check', fields: [grpc] }),
  )

  expect(reply.status).toBe(415)
})
