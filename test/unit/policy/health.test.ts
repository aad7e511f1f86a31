import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

// `health` of a service: active checks of its upstreams.

const routes = { r: { path: '/**' } }
const service = (entry: object) => policyOf(routes, { upstreams: ['http://orders.test'], ...entry })

const defaults = {
  path: '/healthz',
  expect: [{ from: 200, to: 299 }],
  intervalMs: 10_000,
  timeoutMs: 2000,
  healthy: 2,
  unhealthy: 3,
}

test.each([
  ['no health', {}, undefined],
  ['a path', { health: { path: '/healthz' } }, defaults],
  [
    'all keys',
    {
      health: {
        path: '/h?deep=1',
        interval: '1s',
        timeout: '100ms',
        healthy: 1,
        unhealthy: 100,
        expect: [204, '300-399'],
      },
    },
    {
      path: '/h?deep=1',
      expect: [
        { from: 204, to: 204 },
        { from: 300, to: 399 },
      ],
      intervalMs: 1000,
      timeoutMs: 100,
      healthy: 1,
      unhealthy: 100,
    },
  ],
  [
    'no path and protocol h2c',
    { protocol: 'h2c', health: {} },
    { ...defaults, path: undefined, expect: [{ from: 200, to: 200 }] },
  ],
])('a service with %s has these health checks, also after the policy was printed', (_, entry, rules) => {
  const printed = JSON.stringify(printPolicy(sourceOf(service(entry)).document))

  expect(snapshotOf(service(entry)).services[0]!.health).toEqual(rules)
  expect(snapshotOf(printed).services[0]!.health).toEqual(rules)
})

test.each([
  ['no path and protocol http1', {}, {}, 'GH_POLICY_HEALTH', 'services.orders.health'],
  [
    'expect without a path',
    { expect: [200] },
    { protocol: 'h2c' },
    'GH_POLICY_HEALTH',
    'services.orders.health.expect',
  ],
  ['a path without a slash', { path: 'healthz' }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.path'],
  ['a path with a line end', { path: '/a\r\nx: y' }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.path'],
  ['a path with a fragment', { path: '/a#b' }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.path'],
  ['an interim status', { path: '/', expect: [101] }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.expect[0]'],
  ['a reversed range', { path: '/', expect: ['299-200'] }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.expect[0]'],
  ['an interval of 0', { path: '/', interval: '0s' }, {}, 'GH_CONFIG_VALUE', 'services.orders.health.interval'],
])('`health` of a service with %s is a policy error', (_, health, entry, code, path) => {
  const [problem] = problemsOf(() => snapshotOf(service({ ...entry, health })))

  expect(problem).toMatchObject({ code, path })
})
