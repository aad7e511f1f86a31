import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream } from '../kit/upstream.ts'
import { admitted, type Gate, noCredential, notFound, type Refusal, refused } from './admission.ts'

// docs/design/contract.md §3: host, path and method find the route; the most literal pattern wins; a request that matches
// no route is refused.

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])

interface Match {
  readonly fall_through?: boolean
  readonly host?: string
  readonly path: string
  readonly methods?: readonly string[]
}

/** Starts a node with the given routes by id. Routes in `guarded` require a scope, routes in `open` are public. */
function startMatching(open: Record<string, Match>, guarded: Record<string, Match> = {}): Promise<TestNode> {
  const entries = (matches: Record<string, Match>, require: unknown) =>
    Object.entries(matches).map(([id, match]) => ({ id, match, require }))
  return startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: issuer.url, audience: [testAudience] } },
      services: {
        all: {
          upstreams: [upstream.url],
          routes: [...entries(open, 'public'), ...entries(guarded, { scopes: { all: ['orders:read'] } })],
        },
      },
    },
  })
}

const [anyHost, namedHosts, catchAll] = await Promise.all([
  startMatching(
    {
      special: { path: '/things/special', methods: ['GET'] },
      one: { path: '/things/*', methods: ['GET', 'PUT'] },
      many: { path: '/things/**', methods: ['GET', 'DELETE'] },
      part: { path: '/things/*/parts/*', methods: ['GET'] },
      public: { path: '/public/**' },
      named: { host: 'api.example', path: '/where' },
      anywhere: { path: '/where' },
    },
    { admin: { path: '/admin' } },
  ),
  startMatching({
    exact: { host: 'api.example', path: '/where/**' },
    wildcard: { host: '*.example', path: '/where/**' },
    'wildcard-only': { host: '*.example', path: '/wild' },
    address: { host: '[::1]', path: '/where' },
  }),
  startMatching(
    { everything: { path: '/**' } },
    {
      admin: { path: '/admin/*', methods: ['GET'] },
      relaxed: { path: '/relaxed/*', methods: ['GET'], fall_through: true },
    },
  ),
])
const gate: Gate = { node: anyHost, services: [upstream] }
const strict: Gate = { node: namedHosts, services: [upstream] }
const open: Gate = { node: catchAll, services: [upstream] }

/** Returns the route id in the access log line of an admitted request. */
async function routeOf(at: Gate, request: { target: string; host?: string; method?: string }): Promise<unknown> {
  const { reply } = await admitted(at, request)
  const id = reply.field('x-request-id')
  return (await at.node.waitForRecord((record) => record['id'] === id))['route']
}

const notMapped = (allow: string): Refusal => ({
  status: 405,
  code: 'method_not_allowed',
  reason: 'method-not-mapped',
  fields: { allow },
})
const misdirected: Refusal = { status: 421, code: 'misdirected_request', reason: 'host-unknown' }
const badHost: Refusal = { status: 400, code: 'bad_request', reason: 'host-malformed', closes: true }

const matches = [
  { target: '/things/special', route: 'special' },
  { target: '/things/other', route: 'one' },
  { target: '/things/1/parts/2', route: 'part' },
  { target: '/things/1/parts', route: 'many' },
  { target: '/things/special/parts/2', route: 'part' },
  { target: '/things', route: 'many' },
  { target: '/things/', route: 'many' },
  { target: '/things/spe%63ial', route: 'special' },
  { target: '/things/special?a=b', route: 'special' },
  { method: 'PUT', target: '/things/other', route: 'one' },
  { method: 'DELETE', target: '/things/1/2', route: 'many' },
]

test.concurrent.each(matches.map((each) => ({ method: 'GET', ...each })))(
  'the gate selects the route with the most specific path: $method $target matches the route `$route`',
  async ({ route, ...request }) => {
    expect(await routeOf(gate, request)).toBe(route)
  },
)

test.concurrent.each([
  '/nowhere',
  '/',
  '/thing',
  '/things2',
  '/Things/special',
  '/public2/page',
  // S-027: paths are compared byte by byte, and no default route exists.
  '/admin/',
  '/ADMIN',
  '/admin.',
  '/admin/x',
])('S-027: the gate replies 404 to the path %s, which no pattern matches', (target) =>
  refused(gate, { target }, notFound),
)

test.concurrent.each(['/admin', '/admin?x=/public/', '/admin?/public/page', '/%61dmin?x=/public/', '/admin?'])(
  'S-026: the query has no effect on route matching: %s matches the route of /admin',
  async (target) => {
    const withToken = await admitted(gate, { target, token: issuer.sign() })

    expect(withToken.received.url).toBe(target.replace('%61', 'a'))
    // The challenge contains the normalized path. `refused` expects the path of the given target, so `%61` would fail.
    await refused(gate, { target: target.replace('%61', 'a') }, noCredential)
  },
)

test.concurrent('the gate replies 404 to a request that matches no route, even with a valid token', () =>
  refused(gate, { target: '/nowhere', token: issuer.sign() }, notFound))

test.concurrent.each([
  { method: 'PUT', target: '/things/special', allow: 'GET, HEAD' },
  { method: 'DELETE', target: '/things/special', allow: 'GET, HEAD' },
  { method: 'DELETE', target: '/things/other', allow: 'GET, HEAD, PUT' },
  { method: 'DELETE', target: '/things/1/parts/2', allow: 'GET, HEAD' },
  { method: 'OPTIONS', target: '/things', allow: 'GET, HEAD, DELETE' },
])(
  'the gate replies 405 with Allow if the most specific matching path has no route for the method: $method $target',
  ({ method, target, allow }) => refused(gate, { method, target }, notMapped(allow)),
)

test.concurrent('a route with the method GET admits HEAD', async () => {
  const bytes = requestBytes({ method: 'HEAD', target: '/things/special' })
  const reply = await request(gate.node.port, bytes, { head: true })

  expect(reply.status).toBe(200)
  const id = reply.field('x-request-id')
  expect(await gate.node.waitForRecord((record) => record['id'] === id)).toMatchObject({ route: 'special' })
})

test.concurrent.each(['API.EXAMPLE', 'api.example.', 'api.example:8080', 'Api.Example.:1', 'api.example:'])(
  'S-028: Host %s matches the route of api.example',
  async (host) => {
    expect(await routeOf(gate, { target: '/where', host })).toBe('named')
    expect(await routeOf(strict, { target: '/where', host })).toBe('exact')
  },
)

test.concurrent.each([
  { host: 'other.example', route: 'wildcard' },
  { host: 'OTHER.EXAMPLE.:80', route: 'wildcard' },
  { host: '[::1]', route: 'address' },
  { host: '[::1]:8080', route: 'address' },
])(
  'a host pattern matches in any letter case and with any port, and a wildcard matches one label: $host matches the route `$route`',
  async ({ host, route }) => {
    expect(await routeOf(strict, { target: '/where', host })).toBe(route)
  },
)

test.concurrent('the gate uses a route of a wildcard host when no route of the exact host matches the path', async () => {
  expect(await routeOf(strict, { target: '/wild', host: 'api.example' })).toBe('wildcard-only')
})

test.concurrent.each([
  'unknown.test',
  'example',
  'a.b.example',
  'api.example.evil',
  'xapi.example.test',
  '127.0.0.1',
  '.example',
])('S-029: if every route names a host, the gate replies 421 to the other host %s', (host) =>
  refused(strict, { target: '/where', host }, misdirected),
)

test.concurrent('S-029: if a route without a host exists, the gate does not refuse a request because of its unknown host', async () => {
  expect(await routeOf(gate, { target: '/where', host: 'unknown.test' })).toBe('anywhere')
  await refused(gate, { target: '/nowhere', host: 'unknown.test' }, notFound)
  await refused(strict, { target: '/nowhere', host: 'api.example' }, notFound)
})

test.concurrent.each([
  'a@b',
  'a, b',
  '',
  '[::1',
  '::1',
  'a/b',
  'a b',
  'a?b',
  'a#b',
  'a:b',
  'a:80:80',
  'a\\b',
  '<a>',
  'é',
])('S-029: the gate replies 400 to the invalid Host "%s" and closes the connection', (host) =>
  refused(gate, { target: '/public/page', host }, badHost),
)

test.concurrent.each([
  '/.gatehouse',
  '/.gatehouse/login',
  '/.well-known/gatehouse/other',
  '/.well-known/gatehouse',
  '/.well-known/oauth-protected-resource/catch-all/page',
])('the gate forwards no reserved path, even if a route matches every path: %s', (target) =>
  refused(open, { target }, notFound),
)

test.concurrent('a route of /** matches every path that is not reserved', async () => {
  expect(await routeOf(open, { target: '/.well-known/security.txt' })).toBe('everything')
  expect(await routeOf(open, { target: '/.gatehouses' })).toBe('everything')
})

test('a public route for /** admits other methods of a protected path only if the route of that path has fall_through', async () => {
  for (const method of ['DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS']) {
    await refused(open, { method, target: '/admin/1' }, notMapped('GET, HEAD'))
    expect(await routeOf(open, { method, target: '/relaxed/1' })).toBe('everything')
  }
  await refused(open, { target: '/admin/1' }, noCredential)
  await refused(open, { target: '/relaxed/1' }, noCredential)
  expect(await routeOf(open, { method: 'DELETE', target: '/admin' })).toBe('everything')
  const listening = await catchAll.waitForLine(({ msg }) => msg === 'node started')
  expect(listening['relaxations']).toEqual(['services.all.routes[relaxed].match.fall_through: true'])
})
