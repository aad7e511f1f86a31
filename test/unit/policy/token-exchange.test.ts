// The policy entry `credentials: { type: token_exchange }`.

import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { mainIssuer, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

const good = {
  type: 'token_exchange',
  issuer: 'main',
  client_id: 'gatehouse',
  client_secret: { env: 'SECRET' },
  audience: 'orders',
}

function policy(entry: object, require: unknown = { scopes: { all: ['x'] } }): string {
  const routes = [{ id: 'r', match: { path: '/r' }, require }]
  const services = { orders: { upstreams: ['http://orders.test'], credentials: entry, routes } }
  return `{ version: 1, ${mainIssuer}, services: ${JSON.stringify(services)} }`
}

const termsOf = (entry: object) => snapshotOf(policy(entry)).routes[0]!.credential.exchange

test('a token_exchange entry compiles to the parameters of the token exchange, with defaults', () => {
  expect(termsOf(good)).toEqual({
    path: ['services', 'orders', 'credentials'],
    issuer: expect.objectContaining({ name: 'main' }),
    clientId: 'gatehouse',
    auth: { method: 'client_secret_basic', secret: { env: 'SECRET' } },
    audience: ['orders'],
    resource: [],
    scopes: [],
    requestedType: 'access_token',
    actor: undefined,
    maxLifetimeMs: 300_000,
    timeoutMs: 5000,
  })
})

test('a token_exchange entry can have several values, an actor token and durations', () => {
  const entry = {
    ...good,
    audience: ['a', 'a', 'b'],
    resource: 'https://orders.test',
    scopes: ['x', 'x'],
    actor_token: { file: '/run/token' },
    max_lifetime: '30s',
    timeout: '1s',
  }

  expect(termsOf(entry)).toMatchObject({
    audience: ['a', 'b'],
    resource: ['https://orders.test'],
    scopes: ['x'],
    actor: { place: { file: '/run/token' }, type: 'jwt' },
    maxLifetimeMs: 30_000,
    timeoutMs: 1000,
  })
})

test.each([
  ['neither audience nor resource', { audience: undefined }, 'GH_POLICY_CREDENTIAL services.orders.credentials'],
  ['no client credential', { client_secret: undefined }, 'GH_POLICY_CREDENTIAL services.orders.credentials'],
  ['two client credentials', { private_key: { env: 'K' } }, 'GH_POLICY_CREDENTIAL services.orders.credentials'],
  ['an unknown issuer', { issuer: 'mian' }, 'GH_POLICY_ISSUER services.orders.credentials.issuer'],
  ['no issuer', { issuer: undefined }, 'GH_CONFIG_MISSING services.orders.credentials.issuer'],
  [
    'a resource with a fragment',
    { resource: 'https://a.test#b' },
    'GH_CONFIG_VALUE services.orders.credentials.resource',
  ],
  ['a max_lifetime above 1h', { max_lifetime: '2h' }, 'GH_CONFIG_VALUE services.orders.credentials.max_lifetime'],
])('the policy compiler rejects a token_exchange entry with %s', (_, change, expected) => {
  const problems = problemsOf(() => snapshotOf(policy({ ...good, ...change })))

  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual([expected])
})

test('a printed token_exchange entry has its durations with units, and every default', () => {
  const { services } = printPolicy(sourceOf(policy(good)).document) as { services: { orders: { credentials: object } } }

  expect(services.orders.credentials).toEqual({
    ...good,
    scopes: [],
    requested_token_type: 'access_token',
    actor_token_type: 'jwt',
    max_lifetime: '5m',
    timeout: '5s',
  })
})
