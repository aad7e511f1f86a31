import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// CORS (Fetch §3.2): the policy decides which origins can read a reply, for replies of the gate and of the service.
// Attack case S-098.

const page = 'https://app.test'

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream({
    handler: (_, response) => {
      response.writeHead(200, {
        'Access-Control-Allow-Origin': '*',
        'access-control-allow-credentials': 'true',
        'Access-Control-Expose-Headers': 'X-Secret',
        Vary: 'Accept',
      })
      response.end('ok')
    },
  })
  const scope = { scopes: { all: ['orders:read'] } }
  node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
      services: {
        orders: {
          upstreams: [upstream.url],
          cors: {
            origins: [page, 'http://localhost:3000'],
            headers: ['Authorization', 'X-A'],
            expose: ['X-Total'],
            max_age: '90s',
          },
          routes: [
            { id: 'read', match: { path: '/orders/**', methods: ['GET'] }, require: scope },
            {
              id: 'write',
              match: { path: '/orders/**', methods: ['POST', 'DELETE'] },
              require: scope,
              cors: { origins: [page], methods: ['DELETE', 'PUT'], credentials: true },
            },
            { id: 'own', match: { path: '/own', methods: ['GET'] }, require: scope, cors: { origins: [] } },
            { id: 'inside', match: { path: '/inside' }, require: scope, addresses: { allow: ['10.0.0.0/8'] } },
            {
              id: 'few',
              match: { path: '/few' },
              require: 'public',
              limits: [{ name: 'few', by: 'address', requests: 1, window: '60s' }],
            },
          ],
        },
        legacy: {
          upstreams: [upstream.url],
          routes: [
            { id: 'legacy', match: { path: '/legacy', methods: ['GET', 'OPTIONS'] }, require: 'public' },
            { id: 'shared', match: { path: '/shared/**', methods: ['OPTIONS'] }, require: 'public' },
            { id: 'shared.get', match: { path: '/shared/closed', methods: ['GET'] }, require: 'public' },
            {
              id: 'shared.open',
              match: { path: '/shared/open', methods: ['GET'], fall_through: true },
              require: 'public',
            },
          ],
        },
        away: {
          upstreams: ['http://127.0.0.1:1'],
          cors: { origins: [page] },
          routes: [{ id: 'away', match: { path: '/away' }, require: 'public' }],
        },
      },
    },
  })
})

function preflight(target: string, method: string, origin = page): Promise<RawReply> {
  const fields: [string, string][] = [
    ['Origin', origin],
    ['Access-Control-Request-Method', method],
    ['Access-Control-Request-Headers', 'authorization'],
  ]
  return request(node.port, requestBytes({ method: 'OPTIONS', target, fields }))
}

const ask = (target: string, parts: { origin?: string; token?: string } = {}) =>
  request(
    node.port,
    requestBytes({
      target,
      fields: parts.origin === undefined ? [] : [['Origin', parts.origin]],
      ...(parts.token !== undefined && { token: parts.token }),
    }),
  )

/** Returns the CORS fields and `Vary: Origin` of a reply. */
function sharing(reply: RawReply): string[] {
  return reply.fields
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => /^(access-control-|vary: origin)/.test(line))
}

test('the gate itself replies to a CORS preflight by the CORS rules of the route and does not forward the preflight', async () => {
  const reply = await preflight('/orders/1', 'GET')

  expect(reply.status).toBe(200)
  expect(sharing(reply)).toEqual([
    `access-control-allow-origin: ${page}`,
    'access-control-allow-methods: GET, HEAD',
    'access-control-allow-headers: authorization, x-a',
    'access-control-max-age: 90',
    'vary: origin',
  ])
  expect(upstream.requests).toEqual([])
})

test('CORS rules of a route replace the CORS rules of its service', async () => {
  expect(sharing(await preflight('/orders/1', 'DELETE'))).toEqual([
    `access-control-allow-origin: ${page}`,
    'access-control-allow-credentials: true',
    'access-control-allow-methods: DELETE',
    'access-control-allow-headers: authorization, content-type',
    'access-control-max-age: 600',
    'vary: origin',
  ])
})

test.each([
  ['/orders/1', 'GET', 'null'],
  ['/orders/1', 'GET', 'https://app.test.evil'],
  ['/orders/1', 'GET', 'https://good.evil'],
  ['/orders/1', 'GET', 'https://evilapp.test'],
  ['/orders/1', 'GET', 'https://sub.app.test'],
  ['/orders/1', 'GET', 'http://app.test'],
  ['/orders/1', 'GET', 'https://app.test:8443'],
  ['/orders/1', 'GET', 'https://app.test/'],
  ['/orders/1', 'GET', 'HTTPS://APP.TEST'],
  ['/orders/1', 'GET', 'https://app.test, https://other.test'],
  ['/orders/1', 'GET', '*'],
  ['/orders/1', 'DELETE', 'http://localhost:3000'],
  ['/orders/1', 'POST', page],
  ['/orders/1', 'PUT', page],
  ['/orders/1', 'TRACE', page],
  ['/own', 'GET', page],
  ['/orders/a%2fb', 'GET', page],
  ['/inside', 'GET', page],
  ['/nowhere', 'GET', page],
  ['/.gatehouse/nowhere', 'GET', page],
])(
  'S-098: the gate gives no CORS permission to a preflight for the path %s with the method %s from the Origin %s',
  async (target, method, origin) => {
    const reply = await preflight(target, method, origin)

    expect(reply.status).toBe(target.startsWith('/.gatehouse') ? 404 : 403)
    expect(sharing(reply)).toEqual([])
    expect(reply.field('allow')).toBeUndefined()
  },
)

test('the gate forwards a CORS preflight to a service that handles CORS itself', async () => {
  const reply = await preflight('/legacy', 'GET')

  expect(reply.status).toBe(200)
  expect(upstream.requests.at(-1)?.method).toBe('OPTIONS')
  expect(reply.field('access-control-allow-origin')).toBe('*')
})

test('the gate forwards a CORS preflight to the OPTIONS route of a less specific path only if the more specific route has fall_through', async () => {
  const seen = upstream.requests.length

  expect((await preflight('/shared/closed', 'GET')).status).toBe(403)
  expect(upstream.requests).toHaveLength(seen)
  expect((await preflight('/shared/open', 'GET')).status).toBe(200)
  expect((await preflight('/shared/else', 'GET')).status).toBe(200)
  expect(upstream.requests.slice(seen).map(({ url }) => url)).toEqual(['/shared/open', '/shared/else'])
})

const own = 'www-authenticate, dpop-nonce, retry-after, ratelimit, ratelimit-policy, x-request-id'

test('the gate replaces the CORS fields of a service reply and keeps its other fields', async () => {
  const reply = await ask('/orders/1', { origin: page, token: issuer.sign() })

  expect(reply.status).toBe(200)
  expect(reply.text).toBe('ok')
  expect(sharing(reply)).toEqual([
    `access-control-allow-origin: ${page}`,
    `access-control-expose-headers: ${own}, x-total`,
    'vary: origin',
  ])
  expect(reply.all('vary')).toContain('Accept')
})

test('the gate removes the CORS fields of a service reply on a route whose CORS rules allow no origin', async () => {
  const reply = await ask('/own', { origin: page, token: issuer.sign() })

  expect(reply.status).toBe(200)
  expect(sharing(reply)).toEqual(['vary: origin'])
})

test.each([
  [401, '/orders/1'],
  [403, '/inside'],
  [502, '/away'],
])(
  'a %i reply that the gate itself sends to an allowed CORS origin has Access-Control-Allow-Origin and exposes WWW-Authenticate',
  async (status, target) => {
    const reply = await ask(target, { origin: page })

    expect(reply.status).toBe(status)
    expect(reply.field('access-control-allow-origin')).toBe(page)
    expect(reply.field('access-control-expose-headers')).toContain('www-authenticate')
  },
)

test('a 429 reply of the gate to an allowed CORS origin has Access-Control-Allow-Origin and Retry-After', async () => {
  await ask('/few', { origin: page })
  const reply = await ask('/few', { origin: page })

  expect(reply.status).toBe(429)
  expect(reply.field('retry-after')).toMatch(/^\d+$/)
  expect(reply.field('access-control-allow-origin')).toBe(page)
})

test.each([[undefined], ['null'], ['https://good.evil']])(
  'the gate gives no CORS permission to a request with the Origin %s (undefined: no Origin field), and sets Vary: Origin',
  async (origin) => {
    const reply = await ask('/orders/1', { ...(origin !== undefined && { origin }), token: issuer.sign() })

    expect(reply.status).toBe(200)
    expect(sharing(reply)).toEqual(['vary: origin'])
  },
)

test('the gate replies 400 to a request with two Origin fields', async () => {
  const fields: [string, string][] = [
    ['Origin', page],
    ['Origin', 'https://good.evil'],
  ]
  const reply = await request(node.port, requestBytes({ target: '/orders/1', fields }))

  expect(reply.status).toBe(400)
})
