import { decodeJwt } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { fc, propertyRuns } from '../kit/properties.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §1: a forward-auth check is decided, charged to limits and recorded like an exchange. The
// proxy forwards the request itself.

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream()
  const scope = (name: string) => ({ scopes: { all: [name] } })
  node = await startNode({
    policy: {
      version: 1,
      issuers: {
        main: { issuer: issuer.url, audience: ['https://api.test'] },
        away: { issuer: 'http://127.0.0.1:1', audience: ['https://api.test'] },
      },
      services: {
        orders: {
          issuers: ['main', 'away'],
          upstreams: [upstream.url],
          auth_request_headers: true,
          routes: [
            { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scope('orders:read') },
            {
              id: 'write',
              match: { path: '/orders/**', methods: ['POST'] },
              require: scope('orders:write'),
              body: { max: '10B' },
            },
            { id: 'open', match: { path: '/public/**' }, require: 'public' },
            { id: 'inside', match: { path: '/inside' }, require: 'public', addresses: { allow: ['127.0.0.0/8'] } },
            {
              id: 'few',
              match: { path: '/few' },
              require: scope('orders:read'),
              limits: [{ name: 'few', by: 'subject', requests: 2, window: '60s' }],
            },
          ],
        },
        pass: {
          issuers: ['main'],
          upstreams: [upstream.url],
          credentials: 'token',
          routes: [{ id: 'pass', match: { path: '/pass' }, require: scope('orders:read') }],
        },
      },
    },
    settings: { proxies: ['127.0.0.0/8'], check: { peers: ['127.0.0.0/8'] } },
  })
})

interface Asked {
  readonly method?: string
  readonly target: string
  readonly token?: string
  readonly fields?: [string, string][]
}

/** Forms of a forward-auth check that different proxies send. */
const forms: Record<string, (asked: Asked) => Promise<RawReply>> = {
  'X-Forwarded-Uri': ({ method = 'GET', target, ...rest }) =>
    check('/.gatehouse/check', {
      ...rest,
      fields: [
        ['X-Forwarded-Method', method],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'api.test'],
        ['X-Forwarded-Uri', target],
        ...(rest.fields ?? []),
      ],
    }),
  'X-Original-URL': ({ method = 'GET', target, ...rest }) =>
    check('/oauth2/auth', {
      ...rest,
      fields: [['X-Original-Method', method], ['X-Original-URL', `https://api.test${target}`], ...(rest.fields ?? [])],
    }),
  'the path after the prefix': ({ method = 'GET', target, ...rest }) =>
    check(`/.gatehouse/check${target}`, { ...rest, method }),
}
const each = Object.entries(forms)

function check(
  target: string,
  { method, token, fields = [] }: { method?: string; token?: string; fields?: [string, string][] },
): Promise<RawReply> {
  const bytes = requestBytes({
    target,
    fields: [['X-Forwarded-For', '203.0.113.9'], ...fields],
    ...(method !== undefined && { method }),
    ...(token !== undefined && { token }),
  })
  return request(node.port, bytes, { head: method === 'HEAD' })
}

test.each(each)(
  'a forward-auth check that states an admitted request by %s gets 200 with the identity for the service',
  async (_, ask) => {
    const reply = await ask({
      target: '/orders/7?x=%20y',
      token: issuer.sign({ claims: { email: 'alice@example.com' } }),
    })

    expect(reply.status).toBe(200)
    expect(reply.text).toBe('')
    expect(reply.field('cache-control')).toBe('no-store')
    expect(reply.field('x-auth-request-user')).toBe('alice')
    expect(reply.field('x-auth-request-email')).toBe('alice@example.com')
    expect(decodeJwt(reply.field('x-gatehouse-jwt-assertion')!)).toMatchObject({ aud: 'orders', sub: 'alice' })
    expect(reply.field('authorization')).toBeUndefined()
    const removed = reply.field('x-envoy-auth-headers-to-remove')!.split(',')
    expect(removed).toContain('authorization')
    expect(removed).toContain('x-http-method-override')
    expect(removed).toContain('x-auth-request-groups')
    expect(removed).not.toContain('x-auth-request-user')
    expect(removed).not.toContain('x-gatehouse-jwt-assertion')
  },
)

test.each(
  each.flatMap(([form, ask]) =>
    (
      [
        [401, { target: '/orders/7' }],
        [403, { target: '/orders/7', method: 'POST', scope: 'orders:read' }],
        [200, { target: '/orders/7', method: 'POST', scope: 'orders:write' }],
        [200, { target: '/orders/7', method: 'HEAD', scope: 'orders:read' }],
        [405, { target: '/orders/7', method: 'DELETE', scope: 'orders:read' }],
        [405, { target: '/orders/7', method: 'OPTIONS', scope: 'orders:read' }],
        [404, { target: '/elsewhere', scope: 'orders:read' }],
        [200, { target: '/public/1' }],
        [403, { target: '/inside' }],
      ] as const
    ).map(([status, asked]) => [form, status, asked, ask] as const),
  ),
)(
  'a forward-auth check that states the original request in %s gets the status %i for the request %o',
  async (_, status, { target, ...asked }, ask) => {
    const seen = upstream.requests.length
    const token = 'scope' in asked ? { token: issuer.sign({ claims: { scope: asked.scope } }) } : {}

    const reply = await ask({ target, ...('method' in asked && { method: asked.method }), ...token })

    expect(reply.status).toBe(status)
    expect(upstream.requests).toHaveLength(seen)
  },
)

const parts = ['orders', 'public', 'inside', 'x', '/', '/', '//', '.', '..', '%2e', '%2F', '%5c', '%6f', '%', ';', '?']
const target = fc
  .array(fc.constantFrom(...parts, '#', '\\', '%C3%A9', '%c3', '&access_token=x', '{', '*'), { maxLength: 6 })
  .map((chosen) => `/${chosen.join('')}`)

test(`the gate makes the same decisions on ${propertyRuns} forward-auth checks, in three forms, as on exchanges with the same request`, {
  timeout: 30_000 + propertyRuns * 100,
}, async () => {
  const tokens = [undefined, issuer.sign(), issuer.sign({ claims: { scope: 'orders:write' } })]
  const pairs: { readonly asked: string; readonly ids: readonly [string | undefined, string | undefined] }[] = []
  const method = fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'BREW')
  await fc.assert(
    fc.asyncProperty(
      target,
      method,
      fc.constantFrom(...tokens),
      fc.constantFrom(...each),
      async (asked, verb, token, [form, ask]) => {
        const credential = token === undefined ? {} : { token }
        const fields: [string, string][] = [['X-Forwarded-For', '203.0.113.9']]
        const bytes = requestBytes({ method: verb, target: asked, fields, ...credential })
        const exchange = await request(node.port, bytes, { head: verb === 'HEAD' })
        const check = await ask({ method: verb, target: asked, ...credential })

        expect(check.status).toBe(exchange.status)
        const ids = [exchange.field('x-request-id'), check.field('x-request-id')] as const
        pairs.push({ asked: `${verb} ${asked} by ${form}`, ids })
      },
    ),
    { numRuns: propertyRuns },
  )

  // The log is written a few times per second, so the test waits once for the last record, not for each record.
  await node.waitForRecord(({ id }) => id === pairs.at(-1)!.ids[1])
  const records = new Map(node.accessLog().map((record) => [record['id'], record]))
  const outcome = (id: string | undefined) => {
    const { reason, route } = records.get(id)!
    return { reason, route }
  }
  for (const { asked, ids } of pairs) expect(outcome(ids[1]), asked).toEqual(outcome(ids[0]))
  const reasons = new Set(pairs.map(({ ids }) => outcome(ids[1]).reason))
  expect(reasons.size).toBeGreaterThan(8)
})

test('the challenge of a rejected forward-auth check names the requested resource', async () => {
  const reply = await forms['X-Forwarded-Uri']!({ target: '/orders/7' })

  expect(reply.status).toBe(401)
  expect(reply.json()).toMatchObject({ code: 'credential_required' })
  expect(reply.all('www-authenticate')[0]).toMatch(/resource_metadata="[^"]+\/oauth-protected-resource\/orders\/7"/)
})

test('the gate charges forward-auth checks and exchanges to the same rate limit', async () => {
  const token = issuer.sign({ claims: { sub: 'carol' } })
  const first = await forms['X-Forwarded-Uri']!({ target: '/few', token })
  const second = await request(node.port, requestBytes({ target: '/few', token }))
  const third = await forms['X-Forwarded-Uri']!({ target: '/few', token })

  expect([first.status, second.status, third.status]).toEqual([200, 200, 429])
  expect(first.field('ratelimit')).toBe('"few";r=1')
  expect(first.field('ratelimit-policy')).toBe('"few";q=2;w=60')
  expect(third.field('retry-after')).toMatch(/^[1-9]\d*$/)
})

test('the access log record of a forward-auth check has method, host and path of the original request', async () => {
  await forms['X-Original-URL']!({ target: '/orders/recorded', token: issuer.sign() })

  expect(await node.waitForRecord(({ path }) => path === '/orders/recorded')).toMatchObject({
    check: true,
    decision: 'admitted',
    reason: 'admitted',
    status: 200,
    method: 'GET',
    host: 'api.test',
    route: 'read',
    subject: 'alice',
    address: '203.0.113.9',
  })
})

test('the reply to a forward-auth check contains the token if the service receives the token (`credentials: token`)', async () => {
  const token = issuer.sign()
  const reply = await forms['X-Forwarded-Uri']!({ target: '/pass', token })

  expect(reply.field('authorization')).toBe(`Bearer ${token}`)
  expect(reply.field('x-envoy-auth-headers-to-remove')!.split(',')).not.toContain('authorization')
})

test.each([
  [429, '403', '429', '/few'],
  [404, '403', '404', '/elsewhere'],
  [400, '403', '400', '/orders/%2e%2e/x'],
  [401, '401', undefined, '/orders/1'],
])(
  'with style=nginx, a forward-auth check whose decision has the status %i gets %s',
  async (status, told, beside, target) => {
    const token = issuer.sign({ claims: { sub: 'dora' } })
    const ask = () =>
      check('/.gatehouse/check?style=nginx', {
        ...(status !== 401 && { token }),
        fields: [
          ['X-Original-Method', 'GET'],
          ['X-Original-URL', target],
        ],
      })
    if (status === 429) for (let i = 0; i < 2; i++) await ask()
    const reply = await ask()

    expect(String(reply.status)).toBe(told)
    expect(reply.field('x-gatehouse-status')).toBe(beside)
  },
)

test('while the issuer is unreachable, a forward-auth check gets 503, or with style=nginx 403 with X-Gatehouse-Status: 503', async () => {
  const token = issuer.sign({ claims: { iss: 'http://127.0.0.1:1' } })
  const plain = await forms['X-Forwarded-Uri']!({ target: '/orders/1', token })
  const nginx = await check('/oauth2/auth?style=nginx', {
    token,
    fields: [
      ['X-Original-Method', 'GET'],
      ['X-Original-URL', '/orders/1'],
    ],
  })

  expect(plain.status).toBe(503)
  expect([nginx.status, nginx.field('x-gatehouse-status')]).toEqual([403, '503'])
  expect(nginx.field('retry-after')).toMatch(/^\d+$/)
})

test('the gate replies 413 to a forward-auth check whose Content-Length exceeds the body limit of the route', async () => {
  const token = issuer.sign({ claims: { scope: 'orders:write' } })
  const fields: [string, string][] = [['Content-Length', '11']]

  const large = await forms['X-Forwarded-Uri']!({ target: '/orders/1', method: 'POST', token, fields })
  const small = await forms['X-Forwarded-Uri']!({
    target: '/orders/1',
    method: 'POST',
    token,
    fields: [['Content-Length', '10']],
  })

  expect(large.status).toBe(413)
  // This check announces a body (Content-Length: 10) that the proxy sends only to the service. So the gate must close
  // the connection of the check.
  expect(small.status).toBe(200)
  expect(small.field('connection')).toBe('close')
})
