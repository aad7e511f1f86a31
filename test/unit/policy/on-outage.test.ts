import { expect, test } from 'vitest'
import { problemsOf, snapshotOf } from './policy-text.ts'

// `on_outage` of the policy, of a service and of a route: each key has the value of the nearest entry that states it.

const defaults = { limits: 'local', revocation: 'closed', replay: 'closed' }

function policyWith(policy: object, service: object, route: object, name = 's'): string {
  const routes = [{ id: name, match: { path: `/${name}` }, require: 'public', ...route }]
  const services = { [name]: { upstreams: ['http://s.test'], credentials: 'none', ...service, routes } }
  return JSON.stringify({ version: 1, ...policy, services })
}

test.each<[name: string, policy: object, service: object, route: object, expected: object]>([
  ['nothing', {}, {}, {}, {}],
  ['only the policy', { revocation: 'stale 60s' }, {}, {}, { revocation: 'stale 1m' }],
  ['policy and service', { revocation: 'stale 60s' }, { revocation: 'stale 30s' }, {}, { revocation: 'stale 30s' }],
  ['policy and route', { revocation: 'stale 60s' }, {}, { revocation: 'closed' }, { revocation: 'closed' }],
  [
    'another key at each level',
    { replay: 'node' },
    { limits: 'open' },
    { introspection: 'stale 5m' },
    { replay: 'node', limits: 'open', introspection: 'stale 5m' },
  ],
  ['all levels', { limits: 'open' }, { limits: 'closed' }, { limits: 'local' }, { limits: 'local' }],
])('a route has the nearest on_outage for each key: %s', (_, policy, service, route, expected) => {
  const text = policyWith({ on_outage: policy }, { on_outage: service }, { on_outage: route })
  const [compiled] = snapshotOf(text).routes

  expect(compiled?.onOutage).toEqual({ ...defaults, ...expected })
})

test('a route is served without contact to Redis for the time of on_outage of the policy, and the longest time of the policy bounds receipts', () => {
  const snapshot = snapshotOf(policyWith({ on_outage: { revocation: 'stale 60s', replay: 'node' } }, {}, {}))

  expect(snapshot.revocationStaleMs).toBe(60_000)
  expect(snapshot.routes).toMatchObject([{ revocationStaleMs: 60_000, replayOnOutage: 'node' }])
})

test('the policy parser rejects on_outage of the policy in two files of one policy', () => {
  const texts = ['a', 'b'].map((name) => policyWith({ on_outage: { limits: 'open' } }, {}, {}, name))

  expect(problemsOf(() => snapshotOf(...texts))).toMatchObject([
    { code: 'GH_POLICY_OWNER', path: 'on_outage', file: 'policy-1.yaml' },
  ])
})

test.each([
  ['on_outage', policyWith({ on_outage: { revocation: 'stale' } }, {}, {})],
  ['services.s.on_outage', policyWith({}, { on_outage: { revocation: 'stale' } }, {})],
])('the policy parser rejects an invalid value in %s', (path, text) => {
  expect(problemsOf(() => snapshotOf(text))).toMatchObject([{ code: 'GH_CONFIG_VALUE', path: `${path}.revocation` }])
})
