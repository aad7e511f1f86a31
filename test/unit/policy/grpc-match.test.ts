import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { mainIssuer, policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

// `match: { grpc }` of a route: the path and the method of the calls of a gRPC method.

const h2c = { protocol: 'h2c' }

function found(routes: Readonly<Record<string, object>>, path: string, method = 'POST'): string {
  const route = snapshotOf(policyOf(routes, h2c)).match('api.test', path, method)
  return 'reason' in route ? route.reason : route.id
}

test.each([
  ['/acme.orders.v1.Orders/Get', 'POST', 'get'],
  ['/acme.orders.v1.Orders/Watch', 'POST', 'others'],
  ['/acme.orders.v1.Orders/Get', 'GET', 'method-not-mapped'],
  ['/acme.orders.v1.Orders', 'POST', 'route-unknown'],
  ['/acme.orders.v1.Orders/Get/x', 'POST', 'route-unknown'],
  ['/acme.orders.v1.Order/Get', 'POST', 'route-unknown'],
  ['/acme.orders.v1.orders/Get', 'POST', 'route-unknown'],
])(
  'a request for %s with the method %s matches the route of its gRPC method, or else that of its gRPC service: %s',
  (path, method, expected) => {
    const routes = { get: { grpc: 'acme.orders.v1.Orders/Get' }, others: { grpc: 'acme.orders.v1.Orders/*' } }
    expect(found(routes, path, method)).toBe(expected)
  },
)

test('a route matches a gRPC method without a package, and a gRPC method on a host', () => {
  expect(found({ r: { grpc: 'Health/Check' } }, '/Health/Check')).toBe('r')
  expect(found({ r: { grpc: 'Health/Check', host: 'api.test' } }, '/Health/Check')).toBe('r')
  expect(found({ r: { grpc: 'Health/Check', host: 'other.test' } }, '/Health/Check')).toBe('host-unknown')
})

test.each([
  ['a leading slash', '/acme.Orders/Get'],
  ['no method', 'acme.Orders'],
  ['two methods', 'acme.Orders/Get/List'],
  ['**', 'acme.Orders/**'],
  ['a part of a method', 'acme.Orders/Get*'],
  ['* as service', '*/Get'],
  ['* in the package', 'acme.*/Get'],
  ['an empty part', 'acme..Orders/Get'],
  ['a part that starts with a digit', 'acme.1Orders/Get'],
  ['a hyphen', 'acme-orders.Orders/Get'],
  ['a line break', 'acme.Orders/Get\n'],
])('the policy compiler rejects a match by gRPC method with %s, and the error states the expected form', (_, grpc) => {
  expect(problemsOf(() => sourceOf(policyOf({ r: { grpc } })))).toMatchObject([
    {
      code: 'GH_CONFIG_VALUE',
      path: 'services.orders.routes[0].match.grpc',
      message: expect.stringContaining(
        'must be package.Service/Method, or package.Service/* for every method of the service',
      ),
    },
  ])
})

test.each([
  ['both path and grpc', { grpc: 'a.B/C', path: '/a.B/C' }, 'must have either path or grpc, not both'],
  ['neither path nor grpc', { host: 'api.test' }, 'must have path or grpc'],
  ['grpc and methods', { grpc: 'a.B/C', methods: ['POST'] }, 'every gRPC call is a POST'],
])('the policy compiler rejects a `match` by gRPC method with %s', (_, match, message) => {
  expect(problemsOf(() => sourceOf(policyOf({ r: match })))).toMatchObject([
    {
      code: 'GH_CONFIG_VALUE',
      path: 'services.orders.routes[0].match',
      message: expect.stringContaining(message),
    },
  ])
})

test.each([
  ['the same gRPC method', { grpc: 'a.B/C' }],
  ['the path of the gRPC method', { path: '/a.B/C' }],
])('the policy compiler rejects two routes that conflict: %s', (_, match) => {
  expect(problemsOf(() => snapshotOf(policyOf({ one: { grpc: 'a.B/C' }, other: match }, h2c)))).toMatchObject([
    {
      code: 'GH_POLICY_CONFLICT',
      path: 'services.orders.routes[1].match',
      message: expect.stringContaining('one (service orders) and other (service orders) match the same requests: POST'),
    },
  ])
})

test('the policy compiler rejects a gRPC method of a service with HTTP/1.1, and says how to change the protocol', () => {
  expect(problemsOf(() => snapshotOf(policyOf({ r: { grpc: 'a.B/C' } })))).toMatchObject([
    {
      code: 'GH_POLICY_UPSTREAM_PROTOCOL',
      path: 'services.orders.routes[0].match.grpc',
      message: 'route r matches a gRPC method, but its service has protocol http1; gRPC needs HTTP/2',
      hint: expect.stringContaining('h2c'),
    },
  ])
})

test('a gRPC route and a route for other methods of the same path do not conflict', () => {
  const routes = { rpc: { grpc: 'a.B/C' }, page: { path: '/a.B/C', methods: ['GET'] } }
  expect([found(routes, '/a.B/C'), found(routes, '/a.B/C', 'GET')]).toEqual(['rpc', 'page'])
})

test('the printed policy has the gRPC method of a route, and compiles to the same routes', () => {
  const { document } = sourceOf(policyOf({ r: { grpc: 'acme.orders.v1.Orders/*' } }, h2c))
  const printed = printPolicy(document) as { services: { orders: { routes: [Record<string, unknown>] } } }
  const [route] = printed.services.orders.routes
  expect(route!['match']).toEqual({ grpc: 'acme.orders.v1.Orders/*', fall_through: false })
  const again = snapshotOf(JSON.stringify(printed))
  const [one] = again.routes
  expect([one!.path, [...one!.methods]]).toEqual(['/acme.orders.v1.Orders/*', ['POST']])
})

test('max_message of a route overrides that of its service, and the printed policy has both', () => {
  const route = (id: string, grpc?: object) => ({ id, match: { grpc: `a.B/${id}` }, require: 'public', ...grpc })
  const orders = {
    protocol: 'h2c',
    upstreams: ['http://orders.test'],
    grpc: { max_message: '1MiB' },
    routes: [route('Get'), route('Put', { grpc: { max_message: '8MiB' } })],
  }
  const text = `version: 1\n${mainIssuer}\nservices: ${JSON.stringify({ orders, other: { ...orders, routes: [route('List')], grpc: {} } })}\n`
  const printed = JSON.stringify(printPolicy(sourceOf(text).document))

  for (const policy of [text, printed]) {
    const limits = snapshotOf(policy).routes.map(({ id, grpcMessageMaxBytes }) => [
      id,
      grpcMessageMaxBytes! / 1024 / 1024,
    ])
    expect(limits).toEqual([
      ['Get', 1],
      ['Put', 8],
      ['List', 4],
    ])
  }
})
