// A policy compiles completely, or the policy compiler reports all of its problems.

import { expect, test } from 'vitest'
import { tokenReasons } from '../../../gateway/base/reasons.ts'
import { dpopChallenge } from '../../../gateway/oauth/challenge.ts'
import { compilePolicy } from '../../../gateway/policy/compile.ts'
import { mainIssuer, policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

const routesOf = (...routes: object[]) =>
  routes.map((route, i) => ({ id: `r${i}`, match: { path: `/${i}` }, ...route }))
const service = (routes: object[], rest: object = {}) => ({ upstreams: ['http://s.test'], ...rest, routes })
const policy = (services: object, issuers = mainIssuer) =>
  `version: 1\n${issuers}\nservices: ${JSON.stringify(services)}\n`
const twoIssuers =
  'issuers: { one: { issuer: "https://1.test", audience: [a] }, two: { issuer: "https://2.test", audience: [a] } }'

const say = (text: string) => problemsOf(() => snapshotOf(text)).map(({ code, path, hint }) => [code, path, hint])

test('the policy compiler reports two routes with the same match and a common method as a conflict, and names both routes and services', () => {
  const orders = service([{ id: 'orders.read', match: { path: '/x/*', methods: ['GET', 'PUT'] }, require: 'public' }])
  const reports = service([
    { id: 'reports.head', match: { path: '/x/*', methods: ['HEAD', 'POST'] }, require: 'public' },
  ])
  const [problem, ...more] = problemsOf(() => snapshotOf(policy({ orders, reports })))

  expect(more).toEqual([])
  expect(problem).toMatchObject({ code: 'GH_POLICY_CONFLICT', path: 'services.reports.routes[0].match', line: 3 })
  for (const named of ['orders.read', 'service orders', 'reports.head', 'service reports', 'HEAD']) {
    expect(problem?.message).toContain(named)
  }
})

test('the policy compiler reports routes of one host and path with different fall_through as a conflict', () => {
  const match = { path: '/x/*', methods: ['GET'], fall_through: true }
  const orders = service([{ id: 'a', match, require: 'public' }])
  const other = (more: object) =>
    service([{ id: 'b', match: { path: '/x/*', methods: ['POST'], ...more }, require: 'public' }])
  const [problem, ...more] = problemsOf(() => snapshotOf(policy({ orders, reports: other({}) })))

  expect(more).toEqual([])
  expect(problem).toMatchObject({ code: 'GH_POLICY_CONFLICT', path: 'services.reports.routes[0].match' })
  expect(problem?.message).toContain('route a has fall_through: true, but route b of the same host and path does not')
  expect(say(policy({ orders, reports: other({ fall_through: true }) }))).toEqual([])
  expect(say(policy({ orders, reports: other({ host: 'a.test' }) }))).toEqual([])
})

test.each([
  ['the method', { path: '/x', methods: ['GET'] }, { path: '/x', methods: ['POST'] }],
  ['the host', { path: '/x', host: 'a' }, { path: '/x', host: 'b' }],
  ['having a host', { path: '/x', host: 'a' }, { path: '/x' }],
  ['a trailing slash', { path: '/x' }, { path: '/x/' }],
  ['a wildcard', { path: '/x' }, { path: '/*' }],
  ['a final /**', { path: '/x' }, { path: '/x/**' }],
])('the policy compiler finds no conflict between routes that differ in %s', (_difference, a, b) => {
  expect(say(policyOf({ a, b }))).toEqual([])
})

test.each([
  ['x', 'must start with /'],
  ['', 'must start with /'],
  ['/a/**/b', 'may have ** only as its last segment'],
  ['/a*', 'may have * only as a whole segment'],
  ['/a/***', 'may have * only as a whole segment'],
  ['/a/../b', 'is a path that the gate rejects in every request (path-dot-segment)'],
  ['/a//b', 'is a path that the gate rejects in every request (path-empty-segment)'],
  ['/a?b', 'is a path that the gate rejects in every request (path-raw-character)'],
  ['/{id}', 'is a path that the gate rejects in every request (path-raw-character)'],
  ['/ä', 'is a path that the gate rejects in every request (target-malformed)'],
  ['/%61', 'must be in normal form: /a'],
  ['/a%3a', 'must be in normal form: /a%3A'],
  ['/a%2Fb', 'is a path that service orders rejects (path-encoded-slash)'],
  ['/a;b', 'is a path that service orders rejects (path-parameter)'],
  ['/.gatehouse/login', 'is below /.gatehouse, a path that is reserved for the gate'],
  ['/.gatehouse/**', 'is below /.gatehouse, a path that is reserved for the gate'],
  ['/.well-known/gatehouse/jwks.json', 'is below /.well-known/gatehouse, a path that is reserved for the gate'],
  [
    '/.well-known/oauth-protected-resource/orders',
    'is below /.well-known/oauth-protected-resource, a path that is reserved for the gate',
  ],
  ['/oauth2/auth', 'is below /oauth2/auth, a path that is reserved for the gate'],
])('the policy compiler rejects the path pattern %j, because it %s', (path, message) => {
  const problems = problemsOf(() => snapshotOf(policyOf({ r: { path } })))

  expect(problems).toMatchObject([{ code: 'GH_POLICY_PATTERN', path: 'services.orders.routes[0].match.path', message }])
})

test('the error for a path pattern with a name in braces suggests * for a variable segment', () => {
  const [only] = problemsOf(() => snapshotOf(policyOf({ r: { path: '/orders/{id}' } })))

  expect(only!.hint).toContain('use * for a variable segment')
})

test.each([
  '/',
  '/**',
  '/*',
  '/a/*/b/**',
  '/oauth2/token',
  '/oauth2/authorize',
  '/.well-known/security.txt',
  '/%C3%A9',
])('the policy compiler accepts the path pattern %s', (path) => {
  expect(say(policyOf({ r: { path } }))).toEqual([])
})

test('the policy compiler accepts a path pattern with an encoded slash or a path parameter if the service accepts such paths', () => {
  const lenient = { encoded_slashes: 'keep', path_parameters: 'allow' }

  expect(say(policyOf({ a: { path: '/a%2Fb' }, b: { path: '/a;b' } }, lenient))).toEqual([])
})

test.each([
  'API.example',
  'api.example:8080',
  'api.example.',
  '*',
  '*.',
  'a.*.b',
  '*a.b',
  'a b',
  'a/b',
  'ä.example',
  '-a',
])('the policy compiler rejects the host pattern %j', (host) => {
  expect(say(policyOf({ r: { path: '/', host } }))).toMatchObject([
    ['GH_POLICY_PATTERN', 'services.orders.routes[0].match.host', undefined],
  ])
})

test.each(['localhost', 'api.example', '*.api.example', '10.0.0.1', '[::1]', 'a_b.example'])(
  'the policy compiler accepts the host pattern %s',
  (host) => {
    expect(say(policyOf({ r: { path: '/', host } }))).toEqual([])
  },
)

test('the policy compiler rejects a route id that occurs in two services', () => {
  const routes = (path: string) => service([{ id: 'same', match: { path }, require: 'public' }])
  const problems = problemsOf(() => snapshotOf(policy({ a: routes('/a'), b: routes('/b') })))

  expect(problems).toMatchObject([
    {
      code: 'GH_POLICY_ROUTE_ID',
      path: 'services.b.routes[0].id',
      message: 'route id same is used in a and in b; route ids must be unique in the policy',
    },
  ])
})

test.each([
  ['manger', 'did you mean manager?'],
  ['auditor', 'map it under services.s.roles'],
  ['toString', 'map it under services.s.roles'],
])(
  'the policy compiler rejects a requirement for the role %s, which the service does not map, with the hint: %s',
  (role, hint) => {
    const roles = { manager: { claim: 'roles', any: ['m'] } }
    const require = { all: [{ not: { roles: { any: [role] } } }] }

    expect(say(policy({ s: service(routesOf({ require }), { roles }) }))).toEqual([
      ['GH_POLICY_ROLE', 'services.s.routes[0].require.all[0].not.roles', hint],
    ])
  },
)

test.each([
  ['the policy has one issuer, the service lists none', mainIssuer, undefined, { scopes: { all: ['a'] } }, []],
  [
    'the policy has two issuers, the service lists none',
    twoIssuers,
    undefined,
    { scopes: { all: ['a'] } },
    [['services.s', 'set issuers to some of one, two']],
  ],
  ['the policy has two issuers, a service with only public routes lists none', twoIssuers, undefined, 'public', []],
  [
    'the policy has no issuer',
    'issuers: {}',
    undefined,
    { scopes: { all: ['a'] } },
    [['services.s', 'add one under issuers']],
  ],
  ['the policy has no issuer, and all routes are public', 'issuers: {}', undefined, 'public', []],
  ['the service lists both issuers of the policy', twoIssuers, ['one', 'two'], { scopes: { all: ['a'] } }, []],
  [
    'the service lists an unknown issuer',
    mainIssuer,
    ['mian'],
    'public',
    [['services.s.issuers[0]', 'did you mean main?']],
  ],
  [
    'the service lists an issuer named constructor',
    mainIssuer,
    ['constructor'],
    'public',
    [['services.s.issuers[0]', undefined]],
  ],
])(
  'the policy compiler finds the issuers of a service or reports a problem: %s',
  (_case, issuers, listed, require, expected) => {
    const rest = listed === undefined ? {} : { issuers: listed }
    const found = say(policy({ s: service(routesOf({ require }), rest) }, issuers))

    expect(found).toEqual(expected.map(([path, hint]) => ['GH_POLICY_ISSUER', path, hint]))
  },
)

test('the policy compiler rejects two issuer entries with the same issuer identifier', () => {
  const twice = twoIssuers.replace('2.test', '1.test')

  expect(say(policy({ s: service(routesOf({ require: 'public' })) }, twice))).toEqual([
    ['GH_POLICY_ISSUER', 'issuers.two.issuer', undefined],
  ])
})

test('the policy compiler reports all problems of a policy together, in the order of the services and routes', () => {
  const routes = routesOf(
    { match: { path: 'x' }, require: 'public' },
    { match: { path: '/..' }, require: { roles: { any: ['r'] } } },
  )

  expect(say(policy({ s: service(routes, { issuers: ['nobody'] }) })).map(([code]) => code)).toEqual([
    'GH_POLICY_ISSUER',
    'GH_POLICY_PATTERN',
    'GH_POLICY_PATTERN',
    'GH_POLICY_ROLE',
  ])
})

test('when a policy is replaced, an unchanged issuer stays the same object, and a changed issuer becomes a new object', () => {
  const services = { s: service(routesOf({ require: 'public' })) }
  const before = snapshotOf(policy(services, twoIssuers))
  const next = compilePolicy(
    sourceOf(policy(services, twoIssuers.replace('2.test", audience: [a]', '2.test", audience: [b]'))),
    {
      previous: before,
    },
  )

  expect(next.issuers.get('https://1.test')).toBe(before.issuers.get('https://1.test'))
  expect(next.issuers.get('https://2.test')).not.toBe(before.issuers.get('https://2.test'))
  expect([...next.services[0]!.issuers]).toEqual([])
})

test('a compiled policy contains the default of every key that the policy omits', () => {
  const { issuers, services, routes } = snapshotOf(policyOf({ r: { path: '/r', methods: ['GET', 'PUT'] } }))

  expect(issuers.get('https://idp.test')).toEqual({
    name: 'main',
    issuer: 'https://idp.test',
    audience: new Set(['https://api.test']),
    algorithms: new Set(['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519']),
    profile: 'at+jwt',
    clockToleranceS: 5,
    maxTokenLifetimeS: 86_400,
    scopeClaim: 'scope',
    scopeArray: false,
    clientClaim: undefined,
    jwksUri: undefined,
    keysStaleMs: 86_400_000,
    tokens: 'jwt',
    introspection: undefined,
    recheckMs: undefined,
  })
  expect(services).toMatchObject([
    {
      id: 'orders',
      index: 0,
      credential: { type: 'assertion' },
      hostHeader: 'preserve',
      maxCalls: 4096,
      timeouts: { connectMs: 2000 },
      encodedSlashes: 'refuse',
      pathParameters: 'refuse',
      chunked: 'accept',
      trustTrace: true,
      identityFields: [],
    },
  ])
  expect(services[0]?.upstreams.map(({ origin }) => origin)).toEqual(['http://orders.test'])
  expect(services[0]?.issuers).toEqual(new Set(issuers.values()))
  expect(routes).toMatchObject([
    {
      id: 'r',
      shadow: undefined,
      addresses: undefined,
      rewrite: undefined,
      timeouts: { firstByteMs: 30_000, idleMs: 60_000, totalMs: undefined },
      maxBodyBytes: 10_485_760,
      scopes: ['read'],
    },
  ])
  expect(routes[0]?.methods).toEqual(new Set(['GET', 'HEAD', 'PUT']))
})

test('a compiled route has a requirement unless the policy states `require: public`', () => {
  const open = snapshotOf(
    policy({ s: service(routesOf({ require: 'public' }, { require: { not: { scopes: { all: ['a'] } } } })) }),
  )

  expect(open.routes.map(({ requirement }) => requirement?.demand)).toEqual([undefined, 'not'])
})

test.each([
  [{}, { firstByteMs: 1000, idleMs: 2000, totalMs: 3000 }],
  [{ first_byte: '5s' }, { firstByteMs: 5000, idleMs: 2000, totalMs: 3000 }],
  [
    { idle: '5s', total: 'none' },
    { firstByteMs: 1000, idleMs: 5000, totalMs: undefined },
  ],
  [
    { first_byte: '5s', idle: '6s', total: '7s' },
    { firstByteMs: 5000, idleMs: 6000, totalMs: 7000 },
  ],
])('each of these timeouts of a route overrides the timeout of its service: %j', (timeouts, expected) => {
  const rest = { timeouts: { first_byte: '1s', idle: '2s', total: '3s' } }
  const [own, others] = snapshotOf(
    policy({ s: service(routesOf({ require: 'public', timeouts }, { require: 'public' }), rest) }),
  ).routes

  expect(own?.timeouts).toEqual(expected)
  expect(others?.timeouts).toEqual({ firstByteMs: 1000, idleMs: 2000, totalMs: 3000 })
})

test('the policy compiler compiles a shadow requirement, which changes neither the requirement nor the scopes of the route', () => {
  const shadow = { require: { all: [{ scopes: { all: ['extra'] } }, { roles: { any: ['m'] } }] } }
  const roles = { m: { claim: 'roles', any: ['m'] } }
  const [open, closed] = snapshotOf(
    policy({
      s: service(routesOf({ require: 'public', shadow }, { require: { scopes: { all: ['a'] } }, shadow }), { roles }),
    }),
  ).routes

  expect(open).toMatchObject({ requirement: undefined, scopes: [], shadow: { demand: 'all of' } })
  expect(closed).toMatchObject({
    requirement: { demand: 'scopes all: a' },
    scopes: ['a'],
    shadow: { demand: 'all of' },
  })
})

test.each([
  ['a role that the service does not map', { roles: { any: ['m'] } }, 'GH_POLICY_ROLE', '.shadow.require.roles'],
  [
    'clients of an unknown issuer',
    { clients: { any: ['c'], issuer: 'x' } },
    'GH_POLICY_ISSUER',
    '.shadow.require.clients.issuer',
  ],
])('the policy compiler rejects a shadow requirement for %s, like an enforced one', (_what, require, code, path) => {
  const found = say(policy({ s: service(routesOf({ require: 'public', shadow: { require } })) }))

  expect(found.map(([code, path]) => [code, path])).toEqual([[code, `services.s.routes[0]${path}`]])
})

test('the policy compiler rejects a public route with a shadow requirement if the policy has two issuers and the service lists none', () => {
  const shadow = { require: { scopes: { all: ['a'] } } }

  expect(say(policy({ s: service(routesOf({ require: 'public', shadow })) }, twoIssuers))).toEqual([
    ['GH_POLICY_ISSUER', 'services.s', 'set issuers to some of one, two'],
  ])
})

test('a route has the same 401 challenge and the same problem document for all reasons to reject a token', () => {
  const { denials } = snapshotOf(policyOf({ r: { path: '/r' } })).routes[0]!

  expect(Object.keys(denials.token).sort()).toEqual([...tokenReasons].sort())
  for (const reason of tokenReasons) {
    expect(denials.token[reason]).toMatchObject({ reason, status: 401, challenges: ['Bearer error="invalid_token"'] })
    expect(denials.token[reason].problem).toBe(denials.token['token-expired'].problem)
  }
  expect(denials.credentialMissing).toMatchObject({ status: 401, challenges: ['Bearer', dpopChallenge()] })
  expect(denials.credentialMalformed).toMatchObject({ status: 400, challenges: ['Bearer error="invalid_request"'] })
  expect(denials.credentialRepeated).toMatchObject({ status: 400, challenges: ['Bearer error="invalid_request"'] })
  expect(denials.addressDenied).toMatchObject({ status: 403, challenges: [] })
})
