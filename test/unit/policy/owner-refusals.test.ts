// The owner of a service may change this service alone, within the hosts, paths, upstreams and secrets of its grant.

import { expect, test } from 'vitest'
import { ownerSettings } from '../../../gateway/config/owner-settings.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { ownerRefusals } from '../../../gateway/policy/owners/owner-refusals.ts'
import { problemsOf, sourceOf } from './policy-text.ts'

const read = { scopes: { all: ['read'] } }
const issuer = { issuer: 'https://idp.test', audience: ['a'] }
const owned = {
  upstreams: ['http://orders-1:8080'],
  credentials: { type: 'header', name: 'X-Key', secret: { env: 'OPERATOR_KEY' } },
  routes: [{ id: 'orders', match: { host: 'shop.test', path: '/orders/**', methods: ['GET'] }, require: read }],
}
const other = {
  upstreams: ['http://web:8080'],
  routes: [
    { id: 'web', match: { host: 'shop.test', path: '/**' }, require: { scopes: { all: ['web'] } } },
    { id: 'admin', match: { host: 'shop.test', path: '/orders/admin' }, require: { scopes: { all: ['admin'] } } },
  ],
}

interface Changes {
  readonly orders?: object | undefined
  readonly route?: object
  readonly match?: object
  readonly more?: readonly object[]
  readonly web?: object
  readonly policy?: object
}

function compared({ orders = {}, route = {}, match = {}, more = [], web = {}, policy = {} }: Changes) {
  const [first] = owned.routes
  const routes = [{ ...first, ...route, match: { ...first!.match, ...match } }, ...more]
  const services = { orders: { ...owned, routes, ...orders }, web: { ...other, ...web } }
  const source = sourceOf(JSON.stringify({ version: 1, issuers: { main: issuer }, services, ...policy }))
  return { document: source.document, snapshot: compilePolicy(source) }
}

const { orders: grant } = ownerSettings.parse({
  orders: {
    hosts: ['shop.test'],
    paths: ['/orders/**', '/order-list'],
    upstreams: ['http://orders-2:8080'],
    secrets: [{ env: 'OWNER_KEY' }, { file: 'orders/key' }],
  },
})

const refused = (change: Changes, before: Changes = {}) =>
  ownerRefusals(compared(before), compared(change), 'orders', grant).map(({ place, what }) => `${place}: ${what}`)

test.each<[name: string, change: Changes]>([
  ['another requirement', { route: { require: { scopes: { any: ['read', 'write'] } } } }],
  ['a public route', { route: { require: 'public' } }],
  ['a granted upstream', { orders: { upstreams: ['http://orders-1:8080', 'http://orders-2:8080'] } }],
  ['a granted secret', { orders: { credentials: { ...owned.credentials, secret: { env: 'OWNER_KEY' } } } }],
  [
    'limits, timeouts and CORS',
    { route: { limits: [{ name: 'l', by: 'route', requests: 1, window: '1s' }], timeouts: {} } },
  ],
  ['a narrower path', { match: { path: '/orders/*', fall_through: false } }],
])('the owner of a service may change it by %s', (name, change) => {
  // Requests that the narrower path gives up reach the route of another service.
  const taken = 'services.orders.routes: route web of service web would match requests'
  const expected = name === 'a narrower path' ? [`${taken} of route orders`, `${taken} that no route matched`] : []

  expect(refused(change)).toEqual(expected)
})

const header = (secret: object) => ({ credentials: { type: 'header', name: 'X-Other', secret } })

test.each<[name: string, change: Changes, refusal: string]>([
  ['another service', { web: { max_calls: 7 } }, 'services.web: changes outside services.orders'],
  [
    'an issuer',
    { policy: { issuers: { main: { ...issuer, audience: ['a', 'b'] } } } },
    'issuers.main: changes outside services.orders',
  ],
  [
    'the limits of the policy',
    { policy: { limits: [{ name: 'l', by: 'address', requests: 1, window: '1s' }] } },
    'limits: changes outside services.orders',
  ],
  [
    'a host that is not granted',
    { match: { host: 'api.test' } },
    'services.orders.routes[orders].match: matches host api.test, which is not granted',
  ],
  [
    'no host',
    { more: [{ id: 'all', match: { path: '/orders/all' }, require: read }] },
    'services.orders.routes[all].match: matches every host, which is not granted',
  ],
  [
    'a path that is not granted',
    { more: [{ id: 'more', match: { host: 'shop.test', path: '/more' }, require: read }] },
    'services.orders.routes[more].match: matches /more, which is not within the granted paths',
  ],
  [
    'a granted path that is more literal than a path of another service',
    { more: [{ id: 'list', match: { host: 'shop.test', path: '/order-list' }, require: read }] },
    'services.orders.routes[list].match: would match requests of route web of service web',
  ],
  [
    'a path that hides another service for other methods',
    { more: [{ id: 'any', match: { host: 'shop.test', path: '/order-list', methods: ['PUT'] }, require: read }] },
    'services.orders.routes: requests of route web of service web would match no route',
  ],
  [
    'an upstream that is not granted',
    { orders: { upstreams: ['http://web:8080'] } },
    'services.orders.upstreams: upstream http://web:8080 is not granted',
  ],
  [
    'a secret in the environment that is not granted',
    { orders: header({ env: 'GATE_KEY' }) },
    'services.orders.credentials.secret: the secret { env: GATE_KEY } is not granted',
  ],
  [
    'a file that is not granted',
    { route: header({ file: 'orders/../gate/key' }) },
    'services.orders.routes[orders].credentials.secret: the secret { file: orders/../gate/key } is not granted',
  ],
  [
    "the operator's secret in another field",
    { orders: header({ env: 'OPERATOR_KEY' }) },
    'services.orders.credentials.secret: the secret { env: OPERATOR_KEY } is not granted',
  ],
  [
    'a client certificate that is not granted',
    {
      orders: {
        upstreams: ['https://orders-1'],
        upstream_tls: { certificate: 'gate.crt', key: { file: 'orders/key' } },
      },
    },
    'services.orders.upstream_tls.certificate: the secret { file: gate.crt } is not granted',
  ],
  [
    'a list of addresses in a file that is not granted',
    { route: { require: { all: [read, { not: { email: { addresses: { file: '/etc/hosts' } } } }] } } },
    'services.orders.routes[orders].require: the secret { file: /etc/hosts } is not granted',
  ],
  [
    'a list of addresses of a shadow in a file that is not granted',
    { route: { shadow: { require: { email: { addresses: { file: 'gate/key' } } } } } },
    'services.orders.routes[orders].shadow.require: the secret { file: gate/key } is not granted',
  ],
  [
    'a relaxation',
    { route: { on_outage: { revocation: 'stale 60s' } } },
    'services.orders.routes[orders].on_outage.revocation: adds the relaxation stale 1m',
  ],
  [
    'a relaxation of the service',
    { orders: { on_outage: { revocation: 'stale 60s' } } },
    'services.orders.routes[orders].on_outage.revocation: adds the relaxation stale 1m',
  ],
  [
    'a relaxation of the policy',
    { policy: { on_outage: { limits: 'closed' } } },
    'on_outage: changes outside services.orders',
  ],
])('the owner of a service must not change the policy by %s', (_, change, refusal) => {
  expect(refused(change)).toContain(refusal)
})

test('the owner of a service may keep the e-mail address file that the operator set, and name a file that the operator granted', () => {
  const listed = (file: string) => ({ email: { addresses: { file } } })
  const before = { route: { require: listed('gate/list') } }

  expect(refused({ route: { require: { any: [read, listed('gate/list')] } } }, before)).toEqual([])
  expect(refused({ route: { require: listed('orders/key') } }, before)).toEqual([])
})

test('the owner of a service must not remove a relaxation that the operator has set', () => {
  const before = { route: { on_outage: { replay: 'node' } } }

  expect(refused({}, before)).toEqual(['services.orders.routes[orders].on_outage.replay: removes the relaxation node'])
})

test('the owner of a service must not remove the service when another service would match its requests', () => {
  const { orders: _, ...services } = { orders: owned, web: other }
  const source = sourceOf(JSON.stringify({ version: 1, issuers: { main: issuer }, services }))
  const after = { document: source.document, snapshot: compilePolicy(source) }

  expect(ownerRefusals(compared({}), after, 'orders', grant)).toContainEqual({
    place: 'services.orders.routes',
    what: 'route web of service web would match requests of route orders',
    remedy:
      'change the host, path or methods of the route, or let a caller with the scope gatehouse:policy make this change',
  })
})

test('a change of a service that has no owner in the settings is refused', () => {
  expect(ownerRefusals(compared({}), compared({ route: { require: 'public' } }), 'orders', undefined)).toMatchObject([
    { place: 'services.orders', what: expect.stringContaining('have no policy.owners.orders') },
  ])
})

test('two services with the same route cause an error that names both routes and both services', () => {
  const more = [{ id: 'mine', match: { host: 'shop.test', path: '/orders/admin' }, require: read }]

  expect(problemsOf(() => compared({ more })).map(({ message }) => message)).toEqual([
    expect.stringMatching(/^routes mine \(service orders\) and admin \(service web\) match the same requests: GET,/),
  ])
})

const shared = {
  web: {
    upstreams: ['https://web'],
    credentials: { type: 'client_credentials', issuer: 'main', client_id: 'gate', client_secret: { env: 'OWNER_KEY' } },
  },
}

test.each<[name: string, orders: object, refusal: string]>([
  [
    'a client of another service with a secret of its own',
    { credentials: shared.web.credentials },
    'services.orders.credentials: client gate at issuer main is a client of service web',
  ],
  [
    'a client of another service for one route',
    { routes: [{ ...owned.routes[0], credentials: { ...shared.web.credentials, scopes: ['billing'] } }] },
    'services.orders.routes[orders].credentials: client gate at issuer main is a client of service web',
  ],
  [
    'a rewrite to an upstream of another service',
    { upstreams: ['https://web'], routes: [{ ...owned.routes[0], rewrite: { add_prefix: '/admin' } }] },
    'services.orders.routes[orders].rewrite: could reach paths of service web, which has the same upstream',
  ],
  [
    'health checks of a path of an upstream of another service',
    { upstreams: ['https://web'], health: { path: '/admin/reset' } },
    'services.orders.health.path: could reach paths of service web, which has the same upstream',
  ],
  [
    'a name in TLS that is the host of no granted upstream',
    { upstreams: ['https://orders-1'], upstream_tls: { server_name: 'web.internal' } },
    'services.orders.upstream_tls.server_name: server name web.internal is not the host of a granted upstream',
  ],
])('the owner of a service must not gain access to another service by %s', (_, orders, refusal) => {
  expect(refused({ orders, web: shared.web }, { web: shared.web })).toContain(refusal)
})

test('a change by the owner of a service may keep the client, the rewrite, the health checks and the server name in TLS that the operator has set', () => {
  const orders = {
    upstreams: ['https://web'],
    upstream_tls: { server_name: 'web.internal' },
    credentials: shared.web.credentials,
    health: { path: '/healthz' },
    routes: [{ ...owned.routes[0], rewrite: { add_prefix: '/admin' } }],
  }

  expect(refused({ orders: { ...orders, max_calls: 7 }, web: shared.web }, { orders, web: shared.web })).toEqual([])
})

test('the owner of a new service may name the service like a property of every JavaScript object (toString)', () => {
  const named = {
    upstreams: ['http://orders-2:8080'],
    routes: [{ ...owned.routes[0], id: 'new', match: { host: 'shop.test', path: '/orders/new' } }],
  }
  const before = compared({ policy: { services: { web: { ...other, routes: other.routes.slice(1) } } } })
  const after = compared({
    policy: { services: { web: { ...other, routes: other.routes.slice(1) }, toString: named } },
  })

  expect(ownerRefusals(before, after, 'toString', grant)).toEqual([])
})
