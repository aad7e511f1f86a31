// The policy check reports a path of a route that another route serves under other hosts with a weaker requirement.

import { expect, test } from 'vitest'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { weakerRoutes } from '../../../gateway/policy/weaker-routes.ts'
import { mainIssuer, sourceOf } from './policy-text.ts'

interface Entry {
  readonly host?: string
  readonly path: string
  readonly methods?: readonly string[]
  readonly fall_through?: boolean
  readonly require?: unknown
  readonly addresses?: object
}

const admin = { scopes: { all: ['admin'] } }
const upstreams = ['http://one.test']

/**
 * Returns each reported pair of routes as `weaker under stronger: hosts`. Each of the two lists of routes belongs to
 * one service.
 */
function reported(routes: Readonly<Record<string, Entry>>, others: Readonly<Record<string, Entry>> = {}, more = {}) {
  const list = (entries: Readonly<Record<string, Entry>>) =>
    Object.entries(entries).map(([id, { require = 'public', addresses, ...match }]) => ({
      id,
      match,
      require,
      ...(addresses && { addresses }),
    }))
  const services = {
    one: { upstreams, issuers: ['main'], roles: { r: { claim: 'r', any: ['r'] } }, routes: list(routes) },
    ...(Object.keys(others).length > 0 && {
      other: { upstreams: ['http://other.test'], issuers: ['main'], ...more, routes: list(others) },
    }),
  }
  const source = sourceOf(`version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`)
  return weakerRoutes(source, compilePolicy(source)).map(({ code, message, path }) => {
    expect(code).toBe('GH_POLICY_WEAKER_ROUTE')
    expect(path).toMatch(/^services\.\w+\.routes\[\d+\]\.match$/)
    const [, weak, under, strong] = /^route (\S+) admits .* under (.*), and demands less than route (\S+),/.exec(
      message,
    )!
    return `${weak} under ${strong}: ${under}`
  })
}

const unnamed = 'a host that no route names'

test.each<[string, Record<string, Entry>, string[]]>([
  [
    'a public route for every host',
    { s: { host: 'a.test', path: '/admin/*', require: admin }, w: { path: '/**' } },
    [`w under s: ${unnamed}`],
  ],
  [
    'a public route for other methods',
    {
      s: { host: 'a.test', path: '/admin/*', methods: ['GET'], require: admin },
      w: { path: '/**', methods: ['DELETE'] },
    },
    [`w under s: ${unnamed}`],
  ],
  [
    'a public route with the same path',
    { s: { host: 'a.test', path: '/admin/**', require: admin }, w: { host: 'b.test', path: '/admin/**' } },
    ['w under s: host b.test'],
  ],
  [
    'a route for a more literal host',
    { s: { path: '/admin/**', require: admin }, w: { host: 'a.test', path: '/**' } },
    ['w under s: host a.test'],
  ],
  [
    'a route for a wildcard host',
    { s: { host: 'a.test', path: '/x', require: admin }, w: { host: '*.test', path: '/*' } },
    ['w under s: host *.test'],
  ],
  [
    'a route that requires fewer scopes',
    {
      s: { host: 'a.test', path: '/x', require: { scopes: { all: ['read', 'write'] } } },
      w: { path: '/**', require: { scopes: { all: ['read'] } } },
    },
    [`w under s: ${unnamed}`],
  ],
  [
    'a route that requires no role',
    {
      s: { host: 'a.test', path: '/x', require: { all: [{ scopes: { all: ['read'] } }, { roles: { any: ['r'] } }] } },
      w: { path: '/**', require: { scopes: { all: ['read'] } } },
    },
    [`w under s: ${unnamed}`],
  ],
  [
    'a route without a list of addresses',
    { s: { host: 'a.test', path: '/x', addresses: { allow: ['10.0.0.0/8'] } }, w: { path: '/**' } },
    [`w under s: ${unnamed}`],
  ],
  [
    'a path pattern that overlaps',
    { s: { host: 'a.test', path: '/admin/*', require: admin }, w: { path: '/*/1' } },
    [`w under s: ${unnamed}`],
  ],
  [
    'a deeper path that both routes match',
    {
      s: { host: 'a.test', path: '/admin/**', require: admin },
      guard: { path: '/admin', require: admin },
      w: { path: '/**' },
    },
    [`w under s: ${unnamed}`],
  ],
])('the policy check reports a route with a weaker requirement: %s', (_, routes, expected) => {
  expect(reported(routes)).toEqual(expected)
})

test.each<[string, Record<string, Entry>]>([
  ['both routes are for every host', { s: { path: '/admin/*', methods: ['GET'], require: admin }, w: { path: '/**' } }],
  [
    'both routes are for the same named host',
    { s: { host: 'a.test', path: '/admin/*', require: admin }, w: { host: 'a.test', path: '/**' } },
  ],
  [
    'another route for every host is as strong',
    {
      s: { host: 'a.test', path: '/admin/*', require: admin },
      also: { path: '/admin/*', require: admin },
      w: { path: '/**' },
    },
  ],
  [
    'the other route requires as much, and more',
    {
      s: { host: 'a.test', path: '/x', require: { scopes: { all: ['read'] } } },
      w: { path: '/**', require: { all: [{ scopes: { all: ['write', 'read'] } }, { roles: { any: ['r'] } }] } },
    },
  ],
  [
    'the public route has a more literal path',
    { s: { host: 'a.test', path: '/**', require: admin }, w: { path: '/health' } },
  ],
  [
    'the path of the stronger route starts with a wildcard',
    { s: { host: 'a.test', path: '/*/x', require: admin }, w: { path: '/health/**' } },
  ],
  [
    'the public route has another path',
    { s: { host: 'a.test', path: '/admin/*', require: admin }, w: { path: '/pages/**' } },
  ],
  ['both routes are public', { s: { host: 'a.test', path: '/x' }, w: { path: '/**' } }],
  [
    'the routes have other methods and other scopes',
    {
      s: { host: 'a.test', path: '/x', methods: ['GET'], require: { scopes: { all: ['read'] } } },
      w: { path: '/x', methods: ['POST'], require: { scopes: { all: ['write'] } } },
    },
  ],
  [
    'the stronger route has fall_through, and another route for every host is as strong',
    {
      s: { host: 'a.test', path: '/x', methods: ['GET'], require: admin, fall_through: true },
      also: { path: '/x', require: admin },
      w: { path: '/**' },
    },
  ],
  [
    'the stronger route has the other methods of a path that is public under both hosts',
    {
      sPublic: { host: 'a.test', path: '/x', methods: ['GET'] },
      s: { host: 'a.test', path: '/x', methods: ['POST'], require: admin },
      w: { host: 'b.test', path: '/x', methods: ['GET'] },
      s2: { host: 'b.test', path: '/x', methods: ['POST'], require: admin },
    },
  ],
])('the policy check reports no weaker route for: %s', (_, routes) => {
  expect(reported(routes)).toEqual([])
})

test('the policy check reports a route that demands less than a route of another service only if both services have the same upstream', () => {
  const [strong, weak] = [{ s: { host: 'a.test', path: '/x', require: admin } }, { w: { path: '/**' } }]

  expect(reported(strong, weak)).toEqual([])
  expect(reported(strong, weak, { upstreams: ['http://other.test', ...upstreams] })).toEqual([`w under s: ${unnamed}`])
})

test('the policy check reports at most 100 pairs of a stronger and a weaker route in a policy', () => {
  const strong = Array.from(
    { length: 150 },
    (_, n) => [`s${n}`, { host: 'a.test', path: `/p/${n}`, require: admin }] as const,
  )

  expect(reported({ ...Object.fromEntries(strong), w: { path: '/**' } })).toHaveLength(100)
})

test('for a policy with 6,000 routes of one service, the check reports at most 100 routes that are weaker than another route', () => {
  const routes = Array.from({ length: 6000 }, (_, n): [string, Entry] => [
    `r${n}`,
    { host: `h${n % 100}.test`, path: `/p${Math.floor(n / 100)}/**`, require: admin },
  ])

  expect(reported({ ...Object.fromEntries(routes), w: { path: '/p7/**' } })).toHaveLength(100)
})
