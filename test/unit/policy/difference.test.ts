// The semantic difference of two policies: which routes admit more or fewer requests, and what else has changed.

import { expect, test } from 'vitest'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { differenceOf } from '../../../gateway/policy/difference/difference-of.ts'
import type { PolicyDifference } from '../../../gateway/policy/difference/policy-difference.ts'
import { sourceOf } from './policy-text.ts'

const issuers = {
  main: { issuer: 'https://main.test', audience: ['a', 'b'] },
  partner: { issuer: 'https://partner.test', audience: ['a'] },
}

interface Parts {
  readonly routes?: readonly object[]
  readonly service?: object
  readonly policy?: object
}

function comparedPolicy({ routes = [orders()], service = {}, policy = {} }: Parts) {
  const services = { orders: { issuers: ['main'], upstreams: ['http://orders.test'], ...service, routes } }
  const source = sourceOf(JSON.stringify({ version: 1, issuers, services, ...policy }))
  return { document: source.document, snapshot: compilePolicy(source) }
}

const difference = (before: Parts, after: Parts) => differenceOf(comparedPolicy(before), comparedPolicy(after))

const scope = (name: string) => ({ scopes: { all: [name] } })

function orders(change: object = {}, match: object = {}): object {
  return { id: 'read', match: { path: '/orders', ...match }, require: scope('read'), ...change }
}

/** Returns the change of each route by its id, with `!` for a route that may admit more. */
const changesOf = ({ routes }: PolicyDifference) =>
  Object.fromEntries(routes.map(({ route, change, widens }) => [route, `${change}${widens ? '!' : ''}`]))

test('`gatehouse diff` treats policies as equal if they differ only in written defaults and in the order of keys', () => {
  const written = { require: scope('read'), body: { max: '10MiB' }, match: { fall_through: false, path: '/orders' } }

  expect(difference({}, { routes: [orders(written)], service: { host: 'preserve' } })).toEqual({
    equal: true,
    widens: false,
    routes: [],
    limits: [],
    credentials: [],
    upstreams: [],
    issuers: [],
    services: [],
    relaxations: { added: [], removed: [] },
  })
})

const mfa = { claims: { amr: { any: ['mfa'] } } }

test.each<[name: string, before: object, after: object, change: string]>([
  ['becomes public', {}, { require: 'public' }, 'public!'],
  ['is no longer public', { require: 'public' }, {}, 'narrower'],
  ['requires one condition less', { require: { all: [scope('read'), mfa] } }, {}, 'wider!'],
  ['requires one condition more', {}, { require: { all: [mfa, scope('read')] } }, 'narrower'],
  ['requires another scope', {}, { require: scope('write') }, 'changed!'],
  ['accepts one of two scopes', {}, { require: { scopes: { any: ['read', 'write'] } } }, 'wider!'],
  ['requires both of two scopes', {}, { require: { scopes: { all: ['write', 'read'] } } }, 'narrower'],
  ['requires what it forbids', {}, { require: { all: [scope('read'), { not: scope('read') }] } }, 'unreachable'],
  ['forbids one client less', forbidden('x', 'y'), forbidden('x'), 'wider!'],
  ['forbids one client more', forbidden('x'), forbidden('x', 'y'), 'narrower'],
  ['admits more addresses', addresses('10.1.0.0/16'), addresses('10.0.0.0/8'), 'wider!'],
  ['admits fewer addresses', {}, addresses('10.0.0.0/8'), 'narrower'],
  ['admits older logins', { require: { max_age: '5m' } }, { require: { max_age: '1h' } }, 'wider!'],
  ['admits one weekday less', days('mon', 'tue'), days('mon'), 'narrower'],
  ['takes larger bodies', {}, { body: { max: 'none' } }, 'wider!'],
  ['takes WebSockets', {}, { websocket: {} }, 'wider!'],
  ['takes no WebSockets', { websocket: {} }, {}, 'narrower'],
  ['is served during an outage', {}, { on_outage: { revocation: 'stale 60s' } }, 'wider!'],
  ['has other timeouts', {}, { timeouts: { idle: '1s' } }, 'settings'],
  ['has other retries', {}, { retry: { on: [503], methods: ['POST'] } }, 'settings'],
  ['has CORS', {}, { cors: { origins: ['https://a.test'] } }, 'changed!'],
])('the policy comparison states the effect on access of a route that %s', (_, before, after, change) => {
  const found = difference({ routes: [orders(before)] }, { routes: [orders(after)] })

  expect(changesOf(found)).toEqual({ read: change })
  expect(found.equal).toBe(false)
  expect(found.widens).toBe(change.endsWith('!'))
})

function forbidden(...any: readonly string[]): object {
  return { require: { all: [scope('read'), { not: { clients: { any } } }] } }
}

function addresses(...allow: readonly string[]): object {
  return { addresses: { allow } }
}

function days(...list: readonly string[]): object {
  return { require: { time: { days: list, from: '08:00' } } }
}

test('a route whose requests now match a weaker route makes the weaker route wider in the policy comparison', () => {
  const all = orders({ id: 'all', require: scope('any') }, { path: '/**' })
  const found = difference({ routes: [all, orders()] }, { routes: [all] })

  expect(changesOf(found)).toEqual({ all: 'changed!', read: 'removed' })
  expect(found.routes[0]).toMatchObject({ keys: [], takes: [{ from: 'read', effect: 'incomparable' }] })
  expect(found.routes[1]).toMatchObject({ loses: ['all'] })
})

test('a new route does not widen access in the policy comparison if it demands more of requests that another route matched', () => {
  const all = orders({ id: 'all' }, { path: '/**' })
  const strict = orders({ require: { all: [scope('read'), mfa] } })
  const found = difference({ routes: [all] }, { routes: [all, strict] })

  expect(changesOf(found)).toEqual({ all: 'narrower', read: 'added' })
  expect(found.widens).toBe(false)
})

test('a new route with a more specific path than another route widens access in the policy comparison if it demands less', () => {
  const all = orders({ id: 'all' }, { path: '/**' })
  const found = difference({ routes: [all] }, { routes: [all, orders({ require: 'public' })] })

  expect(changesOf(found)).toEqual({ all: 'narrower', read: 'added!' })
  expect(found.routes[1]).toMatchObject({ public: true, takes: [{ from: 'all', effect: 'wider' }] })
})

test.each<[name: string, before: object, after: object, change: string]>([
  ['a longer path', {}, { path: '/orders/**' }, 'wider!'],
  ['one method less', {}, { methods: ['GET'] }, 'narrower'],
  ['any host', { host: 'a.test' }, {}, 'wider!'],
  ['one host', {}, { host: '*.a.test' }, 'narrower'],
  ['another path', {}, { path: '/order' }, 'changed!'],
  ['the same methods in another order', { methods: ['PUT', 'GET'] }, { methods: ['GET', 'PUT'] }, 'settings'],
])('the policy comparison states the effect on access of a route that now matches %s', (_, before, after, change) => {
  const found = difference({ routes: [orders({}, before)] }, { routes: [orders({}, after)] })

  expect(changesOf(found)).toEqual({ read: change })
})

test('in the policy comparison, removing fall_through from a route with a more specific path narrows access, and adding fall_through widens it', () => {
  const all = orders({ id: 'all', require: 'public' }, { path: '/**' })
  const open = { routes: [all, orders({}, { methods: ['GET'], fall_through: true })] }
  const closed = { routes: [all, orders({}, { methods: ['GET'] })] }

  expect(changesOf(difference(closed, open))).toEqual({ all: 'wider!', read: 'settings' })
  expect(difference(closed, open).relaxations.added).toEqual(['services.orders.routes[read].match.fall_through: true'])
  expect(difference(open, closed).widens).toBe(false)
})

test.each<[name: string, change: Parts, expected: string]>([
  ['an additional issuer', { service: { issuers: ['main', 'partner'] } }, 'wider!'],
  ['another issuer', { service: { issuers: ['partner'] } }, 'changed!'],
  ['an issuer with one audience less', ofIssuer({ audience: ['a'] }), 'narrower'],
  ['an issuer with one audience more', ofIssuer({ audience: ['a', 'b', 'c'] }), 'wider!'],
  ['an issuer with another claim of scopes', ofIssuer({ scope_claim: 'scp' }), 'changed!'],
  ['an issuer with another name', ofIssuer({ issuer: 'https://other.test' }), 'changed!'],
  ['paths with escaped slashes', { service: { encoded_slashes: 'keep' } }, 'wider!'],
])('in the policy comparison, a service with %s changes its routes', (_, change, expected) => {
  expect(changesOf(difference({}, change))).toEqual({ read: expected })
})

function ofIssuer(change: object): Parts {
  return { policy: { issuers: { ...issuers, main: { ...issuers.main, ...change } } } }
}

test('in the policy comparison, a role that is granted by another claim or another value changes the routes that require the role', () => {
  const routes = [orders({ require: { roles: { all: ['clerk'] } } })]
  const service = (any: readonly string[]) => ({ roles: { clerk: { claim: 'groups', any } } })
  const found = difference({ routes, service: service(['a']) }, { routes, service: service(['a', 'b']) })

  expect(changesOf(found)).toEqual({ read: 'wider!' })
  expect(found.services).toMatchObject([{ place: 'services.orders.roles', change: 'changed' }])
})

test('the policy comparison lists changed credentials and upstreams of a service with both values, and does not report them as wider access', () => {
  const credentials = { type: 'header', name: 'X-Api-Key', secret: { env: 'KEY' } }
  const found = difference({}, { service: { credentials, upstreams: ['http://other.test'] } })

  expect(found).toMatchObject({ equal: false, widens: false })
  expect(changesOf(found)).toEqual({ read: 'settings' })
  expect(found.credentials).toEqual([
    { place: 'services.orders.credentials', change: 'changed', widens: false, before: 'assertion', after: credentials },
  ])
  expect(found.upstreams).toMatchObject([{ place: 'services.orders.upstreams', after: ['http://other.test'] }])
  expect(found.services).toEqual([])
})

const limit = { name: 'burst', by: 'subject', requests: 10, window: '1m' }

test.each<[name: string, before: readonly object[], after: readonly object[], change: string, widens: boolean]>([
  ['removed', [limit], [], 'removed', true],
  ['added', [], [limit], 'added', false],
  ['with more requests', [limit], [{ ...limit, requests: 11 }], 'wider', true],
  ['with a longer window', [limit], [{ ...limit, window: '2m' }], 'narrower', false],
  ['only counted', [limit], [{ ...limit, shadow: true }], 'wider', true],
  ['by address', [limit], [{ ...limit, by: 'address' }], 'changed', true],
])('the policy comparison lists a limit that is %s with its effect on access', (_, before, after, change, widens) => {
  const found = difference({ service: { limits: before } }, { service: { limits: after } })

  expect(found.limits).toMatchObject([{ place: 'services.orders.limits[burst]', change, widens }])
  expect(found).toMatchObject({ widens, equal: false, routes: [] })
})
