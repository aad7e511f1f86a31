import { expect, test } from 'vitest'
import type { LimitRule } from '../../../gateway/base/limit-rule.ts'
import { mainIssuer, problemsOf, snapshotOf } from './policy-text.ts'

// docs/design/contract.md §7: which rate limits apply to a route, in which mode, and which settings of a limit are
// invalid.

interface Levels {
  readonly gate?: object[]
  readonly service?: object[]
  readonly route?: object[]
  readonly require?: unknown
}

const limit = (parts: object = {}) => ({ name: 'a', by: 'subject', requests: 10, window: '1s', ...parts })

function policy({ gate = [], service = [], route = [], require = { scopes: { all: ['read'] } } }: Levels): string {
  const routes = [
    { id: 'r', match: { path: '/r' }, require, limits: route },
    { id: 'other', match: { path: '/other' }, require },
  ]
  const services = { s: { upstreams: ['http://s.test'], limits: service, routes } }
  return `version: 1\n${mainIssuer}\nlimits: ${JSON.stringify(gate)}\nservices: ${JSON.stringify(services)}\n`
}

const limitsOf = (levels: Levels, route = 0) => snapshotOf(policy(levels)).routes[route]!.limits
const only = (parts: object): LimitRule => limitsOf({ route: [limit(parts)] })!.rules[0]!

test.each([
  [{ requests: 999 }, 'exact'],
  [{ requests: 1000 }, 'leased'],
  [{ requests: 1000, mode: 'exact' }, 'exact'],
  [{ requests: 2, mode: 'leased' }, 'leased'],
  [{ requests: 1000, burst: 100, window: '10s' }, 'exact'],
])('the policy compiler gives the limit %j the mode %s', (parts, mode) => {
  expect(only(parts).mode).toBe(mode)
})

test('a compiled route has the limits of the policy, of its service and of the route in this order, and a limit shared by several routes has the same key on each', () => {
  const levels = {
    gate: [limit()],
    service: [limit({ name: 'b' })],
    route: [limit({ name: 'c' }), limit({ name: 'd' })],
  }
  const own = limitsOf(levels)
  const other = limitsOf(levels, 1)

  expect(own?.rules.map(({ label }) => label)).toEqual(['gate/a', 'service/s/b', 'route/r/c', 'route/r/d'])
  expect(other?.rules.map(({ key }) => key)).toEqual(own?.rules.slice(0, 2).map(({ key }) => key))
  expect(own?.policyField).toBe('"a";q=10;w=1, "b";q=10;w=1, "c";q=10;w=1, "d";q=10;w=1')
})

test('a compiled route without limits has no list of limits', () => {
  expect(limitsOf({})).toBeUndefined()
})

test('the policy compiler turns the burst of a limit into a second limit with a shorter window that allows the same rate', () => {
  const [whole, burst] = limitsOf({ route: [limit({ requests: 100, window: '60s', burst: 10 })] })!.rules

  expect(whole).toMatchObject({ name: 'a', requests: 100, windowMs: 60_000 })
  expect(burst).toMatchObject({ name: 'a.burst', requests: 10, windowMs: 6000 })
})

test('the policy compiler omits the window of a limit from RateLimit-Policy if the window is not whole seconds', () => {
  expect(only({ window: '1500ms' }).policyItem).toBe('"a";q=10')
})

test.each([
  [['subject', 'route'], ['route', 'subject'], true],
  [['subject', 'subject'], 'subject', true],
  [[{ claim: 'b' }, 'client', { claim: 'a' }], ['client', { claim: 'a' }, { claim: 'b' }], true],
  [['subject'], ['client'], false],
])('whether limits with by: %j and by: %j count the same identities: %s', (a, b, same) => {
  expect(JSON.stringify(only({ by: a }).by) === JSON.stringify(only({ by: b }).by)).toBe(same)
})

test.each([
  [{ requests: 11 }, true],
  [{ cost: 2 }, true],
  [{ requests: 200 }, false],
  [{ window: '2s' }, false],
  [{ name: 'b' }, false],
])(
  'whether a limit of 10 requests in 1 s keeps using its windows in Redis after a policy change to %j: %s',
  (change, same) => {
    expect(only(change).key === only({}).key).toBe(same)
  },
)

test('on a public route, a limit of the policy or of the service applies only if it counts by address or by route', () => {
  const levels = { gate: [limit(), limit({ name: 'b', by: 'address' })], service: [limit({ name: 'c', by: 'route' })] }
  const found = limitsOf({ ...levels, require: 'public' })

  expect(found?.rules.map(({ name }) => name)).toEqual(['b', 'c'])
})

test('the policy compiler keeps shadow limits separate from enforced limits', () => {
  const found = limitsOf({ route: [limit({ shadow: true }), limit({ name: 'b' })] })

  expect([found?.rules.map(({ name }) => name), found?.shadows.map(({ name }) => name)]).toEqual([['b'], ['a']])
  expect(found?.policyField).toBe('"b";q=10;w=1')
})

test.each<[string, Levels, string]>([
  [
    'a limit by token on a public route',
    { route: [limit()], require: 'public' },
    'GH_POLICY_LIMIT services.s.routes[0].limits',
  ],
  ['two limits of a route with one name', { route: [limit(), limit()] }, 'GH_POLICY_LIMIT services.s.routes[0].limits'],
  [
    'a name that a limit of the service has',
    { service: [limit()], route: [limit()] },
    'GH_POLICY_LIMIT services.s.routes[0].limits',
  ],
  [
    'a burst in mode leased',
    { route: [limit({ mode: 'leased', burst: 2 })] },
    'GH_POLICY_LIMIT services.s.routes[0].limits[0].burst',
  ],
  [
    'a burst that is not below the limit',
    { route: [limit({ burst: 10 })] },
    'GH_POLICY_LIMIT services.s.routes[0].limits[0].burst',
  ],
  [
    'a cost above the burst',
    { route: [limit({ burst: 2, cost: 3 })] },
    'GH_POLICY_LIMIT services.s.routes[0].limits[0].burst',
  ],
  [
    'a cost above the limit',
    { route: [limit({ cost: 11 })] },
    'GH_POLICY_CONTRADICTION services.s.routes[0].limits[0]',
  ],
  ['a window too short', { gate: [limit({ window: '10ms' })] }, 'GH_CONFIG_VALUE limits[0].window'],
  ['no identity', { gate: [limit({ by: [] })] }, 'GH_CONFIG_VALUE limits[0].by'],
  ['an unknown identity', { gate: [limit({ by: 'user' })] }, 'GH_CONFIG_VALUE limits[0].by'],
  ['a limit of 0 requests', { gate: [limit({ requests: 0 })] }, 'GH_CONFIG_VALUE limits[0].requests'],
])('the policy compiler rejects an invalid limit: %s', (_what, levels, expected) => {
  const found = problemsOf(() => snapshotOf(policy(levels))).map(({ code, path }) => `${code} ${path}`)
  expect(found).toContain(expected)
})

test('the policy parser rejects policy-wide limits in two files of one policy', () => {
  const texts = [1, 2].map((n) => {
    const routes = [{ id: `r${n}`, match: { path: `/${n}` }, require: 'public' }]
    const services = { [`s${n}`]: { upstreams: ['http://s.test'], routes } }
    const limits = [limit({ name: `l${n}`, by: 'address' })]
    return `version: 1\nlimits: ${JSON.stringify(limits)}\nservices: ${JSON.stringify(services)}\n`
  })

  expect(problemsOf(() => snapshotOf(...texts))).toMatchObject([
    { code: 'GH_POLICY_OWNER', path: 'limits', file: 'policy-1.yaml' },
  ])
})
