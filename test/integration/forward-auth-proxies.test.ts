import { createHash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { caddy as caddyProgram } from '../../deploy/server-program.mjs'
import { identityPrefixes, isPassable, statementFields } from '../../gateway/base/statement-fields.ts'
import { fieldsToRemove } from '../../gateway/pipeline/forward-auth/check-removals.ts'
import { startCaddy } from '../kit/caddy.ts'
import { deployed } from '../kit/documented.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { nginxHere, nginxUpstream } from '../regression/nginx-upstream.ts'

// The proxy configurations of deploy/forward-auth, changed only in their addresses, in front of a real node.

const nginx = nginxHere()
const caddy = caddyProgram.look()?.command

interface Front {
  readonly name: string
  readonly here: boolean
  /** Status that clients of the proxy get while the gate is unreachable. */
  readonly gateAway: number
  start(gate: string, service: string): Promise<number>
}

const fronts: Front[] = [
  {
    name: 'nginx',
    here: nginx !== undefined,
    gateAway: 500,
    start: (gate, service) =>
      nginxUpstream(nginx!, deployed('forward-auth/nginx.conf', { '127.0.0.1:8080': gate, '127.0.0.1:8101': service })),
  },
  {
    name: 'Caddy',
    here: caddy !== undefined,
    gateAway: 502,
    start: (gate, service) =>
      startCaddy(caddy!, (port) =>
        deployed('forward-auth/Caddyfile', {
          'api.example': `api.test:${port}`,
          '127.0.0.1:8080': gate,
          '127.0.0.1:8101': service,
        }),
      ),
  },
]

let issuer: TestIssuer

beforeAll(async () => {
  issuer = await startIssuer()
})

const scope = (name: string) => ({ scopes: { all: [name] } })

function policy(upstream: string): object {
  return {
    version: 1,
    issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
    services: {
      orders: {
        upstreams: [upstream],
        auth_request_headers: true,
        routes: [
          {
            id: 'read',
            match: { host: 'api.test', path: '/orders/**', methods: ['GET'] },
            require: scope('orders:read'),
          },
          {
            id: 'write',
            match: { host: 'api.test', path: '/orders/**', methods: ['POST'] },
            require: scope('orders:write'),
          },
          { id: 'open', match: { host: 'api.test', path: '/public/**' }, require: 'public' },
          {
            id: 'few',
            match: { host: 'api.test', path: '/few' },
            require: scope('orders:read'),
            limits: [{ name: 'few', by: 'subject', requests: 1, window: '60s' }],
          },
        ],
      },
    },
  }
}

const forged: [string, string][] = [
  ['X-Gatehouse-Jwt-Assertion', 'forged'],
  ['X-Auth-Request-User', 'root'],
  ['X-Auth-Request-Groups', 'admins'],
  ['X-Real-IP', '10.0.0.1'],
  ['X-Client-IP', '10.0.0.1'],
  ['X-Cluster-Client-IP', '10.0.0.1'],
  ['True-Client-IP', '10.0.0.1'],
  ['CF-Connecting-IP', '10.0.0.1'],
  ['Proxy', 'http://evil.test'],
  ['Forwarded', 'for=10.0.0.1;host=evil.test'],
  ['Client-Cert', ':Zm9yZ2Vk:'],
  ['Client-Cert-Chain', ':Zm9yZ2Vk:'],
  ['X-Forwarded-Client-Cert', 'URI=spiffe://prod.example/admin'],
  ['X-Forwarded-Tls-Client-Cert', 'forged'],
  ['X-Forwarded-Tls-Client-Cert-Info', 'Subject="CN=admin"'],
  ...statementFields.filter(isPassable).map((name): [string, string] => [name, 'forged']),
]

test('the documented Traefik configuration removes every field that the reply to a forward-auth check lists for removal', () => {
  const configured = deployed('forward-auth/traefik.yaml', {}).toLowerCase()
  // Traefik sets `X-Real-Ip` itself.
  const listed = fieldsToRemove([], undefined, undefined, undefined, []).filter((name) => name !== 'x-real-ip')

  for (const name of listed) expect(configured).toContain(`- ${name}\n`)
})

describe.each(fronts)('forward auth: $name asks the gate to decide each request', ({ here, gateAway, start }) => {
  let node: TestNode
  let upstream: TestUpstream
  let port = 0

  beforeAll(async () => {
    if (!here) return
    upstream = await startUpstream()
    node = await startNode({ policy: policy(upstream.url), settings: { check: { peers: ['127.0.0.0/8'] } } })
    port = await start(`127.0.0.1:${node.port}`, `127.0.0.1:${upstream.port}`)
  })

  const ask = (parts: Omit<Parameters<typeof requestBytes>[0], 'host'>) => request(port, requestBytes(parts))

  test.skipIf(!here)('with forward auth, an admitted request reaches the service with the identity', async () => {
    const body = 'x'.repeat(10_000)
    const token = issuer.sign({ claims: { scope: 'orders:write', email: 'alice@example.com' } })

    const reply = await ask({ method: 'POST', target: '/orders/7?a=%20b&c', token, body, fields: forged })

    expect(reply.status).toBe(200)
    const received = await upstream.next()
    expect([received.method, received.url]).toEqual(['POST', '/orders/7?a=%20b&c'])
    expect(received.sha256).toBe(createHash('sha256').update(body).digest('hex'))
    const [assertion, ...more] = received.all('x-gatehouse-jwt-assertion')
    expect(decodeJwt(assertion!)).toMatchObject({ aud: 'orders', sub: 'alice', scope: 'orders:write' })
    expect(more).toEqual([])
    expect(received.all('x-auth-request-user')).toEqual(['alice'])
    expect(received.all('x-auth-request-email')).toEqual(['alice@example.com'])
    expect(received.all('authorization')).toEqual([])
  })

  test.skipIf(!here)(
    'with forward auth, a client cannot remove fields of the gate by naming them in Connection',
    async () => {
      const named: [string, string] = ['Connection', 'X-Gatehouse-Jwt-Assertion, X-Auth-Request-User']

      const reply = await ask({ target: '/orders/7', token: issuer.sign(), fields: [named] })

      expect(reply.status).toBe(200)
      const received = await upstream.next()
      expect(received.all('x-gatehouse-jwt-assertion')).toHaveLength(1)
      expect(received.all('x-auth-request-user')).toEqual(['alice'])
    },
  )

  test.skipIf(!here)(
    'with forward auth, a request on a public route reaches the service without identity fields of the client',
    async () => {
      const reply = await ask({ target: '/public/1', token: 'a.b.c', fields: forged })

      expect(reply.status).toBe(200)
      const received = await upstream.next()
      const told = received.fields.map(([name, value]) => `${name}: ${value}`).join('\n')
      expect(told).not.toMatch(/forged|Zm9yZ2Vk|root|admins|evil|10\.0\.0\.1|a\.b\.c/)
    },
  )

  test.skipIf(!here).each([
    [401, {}, '/orders/7'],
    [403, { scope: 'orders:read' }, '/orders/7'],
    [404, { scope: 'orders:read' }, '/elsewhere'],
    [400, { scope: 'orders:write' }, '/orders/..%2f7'],
  ])(
    'with forward auth, a request that gets %i (claims %j, target %s) does not reach the service',
    async (status, { scope }: { scope?: string }, target) => {
      const seen = upstream.requests.length
      const token = scope === undefined ? {} : { token: issuer.sign({ claims: { scope } }) }

      const reply = await ask({ method: 'POST', target, ...token })

      expect(reply.status).toBe(status)
      expect(upstream.requests).toHaveLength(seen)
      if (status === 401) expect(reply.all('www-authenticate')[0]).toMatch(/^Bearer resource_metadata="/)
    },
  )

  test.skipIf(!here).each([
    ['a=1; __Host-gatehouse=session; gatehouse-loopback=session; b=2', 'a=1; b=2'],
    ['__Host-gatehouse=session', ''],
    ['a=1', 'a=1'],
  ])('with forward auth, the client sends the cookies "%s" and the service receives %j', async (cookies, left) => {
    const reply = await ask({ target: '/public/cookies', fields: [['Cookie', cookies]] })

    expect(reply.status).toBe(200)
    expect(upstream.requests.at(-1)!.all('cookie').join()).toBe(left)
  })

  test.skipIf(!here)('with forward auth, a client with an exhausted rate limit gets 429 with Retry-After', async () => {
    const token = issuer.sign()
    const statuses = [await ask({ target: '/few', token }), await ask({ target: '/few', token })]

    expect(statuses.map(({ status }) => status)).toEqual([200, 429])
    expect(statuses[1]!.field('retry-after')).toMatch(/^[1-9]\d*$/)
  })

  test.skipIf(!here)(
    'with forward auth, the gate decides the real request, not another request that the client states in fields',
    async () => {
      const seen = upstream.requests.length
      const reply = await ask({
        target: '/orders/7',
        fields: [
          ['X-Forwarded-Uri', '/public/1'],
          ['X-Forwarded-Method', 'GET'],
          ['X-Forwarded-Host', 'api.test'],
          ['X-Forwarded-For', '10.0.0.1'],
          ['X-Request-Id', 'stated-otherwise'],
        ],
      })

      expect(reply.status).toBe(401)
      expect(upstream.requests).toHaveLength(seen)
      const record = await node.waitForRecord(({ id }) => id === 'stated-otherwise')
      expect(record).toMatchObject({ path: '/orders/7', address: '127.0.0.1', check: true })
    },
  )

  test.skipIf(!here)(
    'with forward auth, the target on which the gate decides equals the forwarded target, even if the target ends in bytes that are not UTF-8',
    async () => {
      const seen = upstream.requests.length
      const bytes = Buffer.from('GET /public/1/\xe9\xe9 HTTP/1.1\r\nHost: api.test\r\n\r\n', 'latin1')
      const reply = await request(port, bytes)

      const paths = upstream.requests.slice(seen).map(({ url }) => url)
      expect([400, 200]).toContain(reply.status)
      expect(paths).toEqual(reply.status === 200 ? ['/public/1/%E9%E9'] : [])
    },
  )

  test
    .skipIf(!here)
    .each([
      'X-Auth-Request-Access-Token',
      'X-Auth-Request-Role',
      'X-Auth-Request-Redirect',
      'X-Gatehouse-Subject',
      'X-Forwarded-User',
      'X-HTTP-Method',
      'X-Method-Override',
      ...identityPrefixes.map((prefix) => `${prefix}${prefix.endsWith('-') ? 'forged' : ''}`),
    ])('with forward auth, the field %s of a client reaches no service', async (name) => {
    const seen = upstream.requests.length
    await ask({ target: '/public/1', fields: [[name, 'forged']] })

    for (const received of upstream.requests.slice(seen)) expect(received.all(name)).toEqual([])
  })

  test.skipIf(!here)('a proxy with forward auth admits no request while the gate is down', async () => {
    await node.stop()
    const seen = upstream.requests.length

    for (const target of ['/orders/7', '/public/1']) {
      const reply = await ask({ target, token: issuer.sign() })
      expect(reply.status).toBe(gateAway)
    }
    expect(upstream.requests).toHaveLength(seen)
  })
})
