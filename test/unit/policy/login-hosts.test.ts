// Hosts that share a login: login.host and login.return_to of an issuer.

import { expect, test } from 'vitest'
import type { Settings } from '../../../gateway/config/settings.ts'
import { hasHost } from '../../../gateway/policy/issuers/login-hosts.ts'
import { checkPolicyNeeds } from '../../../gateway/policy-needs.ts'
import { problemsOf, snapshotOf } from './policy-text.ts'

const session = { session: 'main' }

interface Given {
  readonly login?: object
  /** Requirement by the host of a route; the host `any` stands for a route without a host. */
  readonly routes: Readonly<Record<string, unknown>>
}

const policyOf = ({ login, routes }: Given) =>
  JSON.stringify({
    version: 1,
    issuers: { main: { issuer: 'https://idp.test', audience: ['a'], login: { client_id: 'c', ...login } } },
    services: {
      s: {
        upstreams: ['http://s.test'],
        routes: Object.entries(routes).map(([host, require], i) => ({
          id: `r${i}`,
          match: { path: `/r${i}/**`, ...(host !== 'any' && { host }) },
          require,
        })),
      },
    },
  })

const host = 'auth.gate.test'

test.each([
  [['*.gate.test'], { 'shop.gate.test': session }, ['shop.gate.test'], ['wiki.gate.test', host]],
  [
    ['*.gate.test'],
    { '*.gate.test': session },
    ['shop.gate.test', host],
    ['a.shop.gate.test', 'gate.test', 'xgate.test'],
  ],
  [['shop.gate.test'], { '*.gate.test': session }, ['shop.gate.test'], ['wiki.gate.test']],
  [['*.gate.test'], { 'shop.gate.test': session, any: session }, ['shop.gate.test'], ['wiki.gate.test']],
  [['*.gate.test'], { 'shop.gate.test': session, 'open.gate.test': 'public' }, ['shop.gate.test'], ['open.gate.test']],
  [
    ['*.gate.test', 'other.test'],
    { 'shop.gate.test': { any: [session, { scopes: { all: ['x'] } }] }, 'other.test': session },
    ['shop.gate.test', 'other.test'],
    ['wiki.gate.test', 'x.other.test'],
  ],
])(
  'with login.return_to %j and the routes %j, the hosts %j share the login, and the hosts %j do not',
  (return_to, routes, yes, no) => {
    const hosts = snapshotOf(policyOf({ login: { host, return_to }, routes })).loginHosts.get('https://idp.test')

    for (const name of yes) expect(hasHost(hosts, name), name).toBe(true)
    for (const name of no) expect(hasHost(hosts, name), name).toBe(false)
  },
)

test('in a policy without login.host, no hosts share a login', () => {
  expect(snapshotOf(policyOf({ routes: { 'shop.gate.test': session } })).loginHosts.size).toBe(0)
})

const routes = { 'shop.gate.test': session }

test.each([
  ['host without return_to', { host }, routes, 'GH_CONFIG_VALUE'],
  ['return_to without host', { return_to: ['*.gate.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['a pattern as host', { host: '*.gate.test', return_to: ['*.gate.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['a port', { host: `${host}:8443`, return_to: ['*.gate.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['a URL', { host, return_to: ['https://shop.gate.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['upper case', { host, return_to: ['Shop.gate.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['a top-level domain', { host, return_to: ['*.test'] }, routes, 'GH_CONFIG_VALUE'],
  ['every host', { host, return_to: ['*'] }, routes, 'GH_CONFIG_VALUE'],
  ['an entry without a session route', { host, return_to: ['*.gate.test', 'x.test'] }, routes, 'GH_POLICY_LOGIN'],
  ['a session route without a host only', { host, return_to: ['*.gate.test'] }, { any: session }, 'GH_POLICY_LOGIN'],
  [
    'a session route at a host outside return_to',
    { host, return_to: ['*.gate.test'] },
    { ...routes, 'other.test': session },
    'GH_POLICY_LOGIN',
  ],
])('the policy compiler rejects login.host and login.return_to with %s (%j)', (_, login, given, code) => {
  const problems = problemsOf(() => snapshotOf(policyOf({ login, routes: given })))

  expect(new Set(problems.map((each) => each.code))).toEqual(new Set([code]))
  for (const { path } of problems) expect(path).toMatch(/^issuers\.main\.login/)
})

test.each([
  [['https://auth.gate.test', 'https://shop.gate.test'], undefined],
  [['https://gate.test', 'https://*.gate.test:8443'], undefined],
  [['https://shop.gate.test'], 'auth.gate.test'],
  [['https://auth.gate.test'], 'shop.gate.test'],
])(
  'with public_url %j in the settings, the host %s of a shared login is missing (undefined: none is missing)',
  (publicUrls, missing) => {
    const snapshot = snapshotOf(policyOf({ login: { host, return_to: ['*.gate.test'] }, routes }))
    const settings = {
      publicUrls,
      redis: {},
      keys: { assertion: [{}], encryption: [{}] },
      streams: {},
    } as unknown as Settings

    const problems = problemsOf(() => checkPolicyNeeds(settings, snapshot))

    expect(problems.map(({ path, message }) => `${path} ${message.split(' ')[4]?.replace(':', '')}`)).toEqual(
      missing === undefined ? [] : [`public_url ${missing}`],
    )
  },
)
