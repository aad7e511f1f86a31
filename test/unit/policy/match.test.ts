// docs/design/contract.md §3: among the patterns that match host and path, the most literal pattern wins. If its routes
// do not have the method of the request, the reply is 405.

import { expect, test } from 'vitest'
import type { Route } from '../../../gateway/policy/snapshot.ts'
import { fc } from '../../kit/properties.ts'
import { policyOf, snapshotOf } from './policy-text.ts'

const table = snapshotOf(
  policyOf({
    'orders.read': { path: '/orders/**', methods: ['GET'] },
    'orders.write': { path: '/orders/**', methods: ['POST', 'PUT'] },
    'orders.special': { path: '/orders/special', methods: ['GET'] },
    'orders.lines': { path: '/orders/*/lines', methods: ['GET'] },
    'orders.options': { path: '/orders/special', methods: ['OPTIONS'] },
    exact: { path: '/admin' },
    root: { path: '/' },
    'host.exact': { host: 'api.example', path: '/orders/**', methods: ['GET'] },
    'host.wild': { host: '*.example', path: '/orders/**', methods: ['GET', 'DELETE'] },
    'host.deep': { host: '*.deep.example', path: '/only' },
    'host.wild.literal': { host: '*.example', path: '/orders/special', methods: ['GET'] },
  }),
)

function outcomeOf(host: string, path: string, method = 'GET'): string {
  const found = table.match(host, path, method)
  if (!('reason' in found)) return found.id
  const allow = found.fields.find(([name]) => name === 'allow')
  return allow === undefined ? String(found.status) : `${found.status} ${allow[1]}`
}

test.each([
  ['/orders', 'GET', 'orders.read'],
  ['/orders/', 'GET', 'orders.read'],
  ['/orders/1/2', 'GET', 'orders.read'],
  ['/orders/1', 'HEAD', 'orders.read'],
  ['/orders/special', 'GET', 'orders.special'],
  ['/orders/special', 'HEAD', 'orders.special'],
  // The wildcard route has POST, but the literal route is the one that matches the path.
  ['/orders/special', 'POST', '405 GET, HEAD, OPTIONS'],
  ['/orders/special/', 'GET', 'orders.read'],
  ['/orders/7/lines', 'GET', 'orders.lines'],
  ['/orders/special/lines', 'GET', 'orders.lines'],
  ['/orders//lines', 'GET', 'orders.read'],
  ['/orders/7/lines/8', 'GET', 'orders.read'],
  ['/orders/special', 'DELETE', '405 GET, HEAD, OPTIONS'],
  ['/orders/7/lines', 'POST', '405 GET, HEAD'],
  ['/orders/1', 'OPTIONS', '405 GET, HEAD, POST, PUT'],
  ['/orders/special', 'OPTIONS', 'orders.options'],
  ['/', 'PATCH', 'root'],
  // S-027: a path matches by its exact bytes
  ['/admin', 'GET', 'exact'],
  ['/admin/', 'GET', '404'],
  ['/ADMIN', 'GET', '404'],
  ['/admin.', 'GET', '404'],
  ['/ordersx', 'GET', '404'],
  ['/only', 'GET', '404'],
])(
  'the request for path %s with method %s and an unknown host has the result (route, or status with Allow): %s',
  (path, method, outcome) => {
    expect(outcomeOf('other.test', path, method)).toBe(outcome)
  },
)

test.each([
  ['api.example', '/orders/1', 'GET', 'host.exact'],
  ['api.example', '/orders/special', 'GET', 'host.exact'],
  ['www.example', '/orders/1', 'GET', 'host.wild'],
  ['www.example', '/orders/special', 'GET', 'host.wild.literal'],
  ['api.example', '/orders/1', 'DELETE', '405 GET, HEAD'],
  ['api.example', '/orders/1', 'POST', '405 GET, HEAD'],
  ['www.example', '/orders/special', 'DELETE', '405 GET, HEAD'],
  ['www.example', '/orders/1', 'POST', '405 GET, HEAD, DELETE'],
  // If the routes of a host do not match the path, routes of less literal hosts apply.
  ['api.example', '/admin', 'DELETE', 'exact'],
  ['example', '/orders/1', 'DELETE', '405 GET, HEAD, POST, PUT'],
  ['a.b.example', '/orders/1', 'DELETE', '405 GET, HEAD, POST, PUT'],
  ['x.deep.example', '/only', 'GET', 'host.deep'],
  ['.example', '/orders/1', 'DELETE', '405 GET, HEAD, POST, PUT'],
])(
  'the request for host %s, path %s and method %s has the result (route, or status with Allow): %s',
  (host, path, method, outcome) => {
    expect(outcomeOf(host, path, method)).toBe(outcome)
  },
)

test.each([
  ['api.example', '/b', '404'],
  ['api.example', '/a', 'a'],
  ['x.example', '/a', 'w'],
  ['api.example.evil', '/a', '421'],
  ['', '/a', '421'],
])(
  'S-029: if every route names a host, the request for host %j and path %s has the result (route or status): %s',
  (host, path, outcome) => {
    const named = snapshotOf(policyOf({ a: { host: 'api.example', path: '/a' }, w: { host: '*.example', path: '/a' } }))
    const found = named.match(host, path, 'GET')

    expect('reason' in found ? String(found.status) : found.id).toBe(outcome)
  },
)

test('the route table lists all routes that match a path with at least one method', () => {
  expect(table.routesAt('other.test', '/orders/special').map(({ id }) => id)).toEqual([
    'orders.special',
    'orders.options',
  ])
  expect(table.routesAt('other.test', '/orders/1').map(({ id }) => id)).toEqual(['orders.read', 'orders.write'])
  expect(table.routesAt('other.test', '/nothing')).toEqual([])
})

const falling = snapshotOf(
  policyOf({
    admin: { path: '/admin/*', methods: ['GET'], fall_through: true },
    strict: { path: '/strict/*', methods: ['GET'] },
    deeper: { path: '/admin/*/x', methods: ['GET'] },
    'host.admin': { host: 'a.test', path: '/admin/*', methods: ['PUT'], fall_through: true },
    'host.strict': { host: 'a.test', path: '/strict/*', methods: ['PUT'] },
    page: { path: '/**', methods: ['GET', 'DELETE'] },
  }),
)

test.each([
  ['b.test', '/admin/1', 'GET', 'admin'],
  ['b.test', '/admin/1', 'DELETE', 'page'],
  ['b.test', '/admin/1', 'POST', '405 GET, HEAD, DELETE'],
  ['b.test', '/admin/1/x', 'DELETE', '405 GET, HEAD'],
  ['b.test', '/strict/1', 'DELETE', '405 GET, HEAD'],
  ['a.test', '/admin/1', 'PUT', 'host.admin'],
  ['a.test', '/admin/1', 'GET', 'admin'],
  ['a.test', '/admin/1', 'DELETE', 'page'],
  ['a.test', '/admin/1', 'PATCH', '405 GET, HEAD, PUT, DELETE'],
  ['a.test', '/strict/1', 'GET', '405 PUT'],
])(
  'with fall_through only on /admin/*, the request for %s%s with method %s has the result (route, or status with Allow): %s',
  (host, path, method, outcome) => {
    const found = falling.match(host, path, method)
    const allow = 'reason' in found ? found.fields.find(([name]) => name === 'allow')?.[1] : undefined

    expect('reason' in found ? `${found.status} ${allow}` : found.id).toBe(outcome)
  },
)

test('the 405 denial is the same frozen object for requests that match the same path pattern', () => {
  const refused = table.match('other.test', '/orders/1', 'DELETE')

  expect(Object.isFrozen(refused)).toBe(true)
  expect(refused).toMatchObject({ status: 405 })
  expect(table.match('other.test', '/orders/2', 'PATCH')).toBe(refused)
})

const segment = fc.constantFrom('a', 'b', '*')
const pattern = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, open]) => `/${[...segments, ...(open ? ['**'] : [])].join('/')}`)

test('the route table finds the same route as a slow reference implementation for random patterns and paths', () => {
  const patterns = fc.uniqueArray(pattern, { minLength: 1, maxLength: 12 })
  const path = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 5 })
    .map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(patterns, path, (listed, path) => {
      const routes = Object.fromEntries(listed.map((text, i) => [`r${i}`, { path: text }]))
      const found = snapshotOf(policyOf(routes)).match('h', path, 'GET')
      const best = listed.filter((text) => fits(text, path)).sort(byLiteralness)[0]

      expect('reason' in found ? undefined : listed[Number((found as Route).id.slice(1))]).toBe(best)
    }),
    { numRuns: 300 },
  )
})

function fits(text: string, path: string): boolean {
  const form = text.replace(/\/\*\*$/, '(?:/.*)?').replaceAll(/\/\*(?=\/|\(|$)/g, '/[^/]+')
  return new RegExp(`^${form}$`).test(path)
}

function byLiteralness(a: string, b: string): number {
  const rank = (part: string | undefined) => (part === undefined ? 0 : part === '**' ? 3 : part === '*' ? 2 : 1)
  const [as, bs] = [a.split('/'), b.split('/')]
  for (let i = 0; i < Math.max(as.length, bs.length); i++) {
    const difference = rank(as[i]) - rank(bs[i])
    if (difference !== 0) return difference
  }
  return 0
}
