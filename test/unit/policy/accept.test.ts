// The policy keys `accept` and `basic`: schemes of `Authorization`, and the token request for a client id and secret.

import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { mainIssuer, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

function policy(service: string, route = '', issuers = mainIssuer): string {
  return `{ version: 1, ${issuers}, services: { s: { upstreams: [http://s.test], ${service} routes: [
    { id: r, match: { path: /a/** }, require: { scopes: { all: [x] } } ${route} },
    { id: q, match: { path: /b/** }, require: { scopes: { all: [x] } } }] } } }`
}

const twoIssuers = `issuers: { main: { issuer: "https://idp.test", audience: [a] }, other: { issuer: "https://other.test", audience: [a] } }`

test('by default a route accepts access tokens only', () => {
  const { routes } = snapshotOf(policy(''))

  expect(routes.map(({ accept }) => accept)).toEqual([
    { bearer: true, basic: undefined },
    { bearer: true, basic: undefined },
  ])
})

test('a route overrides `accept` and `basic` of its service, and routes without their own `basic` share that of the service', () => {
  const { routes } = snapshotOf(
    policy(
      'accept: [bearer, basic], basic: { scopes: [x, x] },',
      ', accept: [basic], basic: { scopes: [y], resource: ["https://r.test"] }',
    ),
  )
  const [own, shared] = routes.map(({ accept }) => accept)

  expect(own).toMatchObject({
    bearer: false,
    basic: { scopes: ['y'], resource: ['https://r.test'], auth: 'client_secret_basic' },
  })
  expect(shared).toMatchObject({ bearer: true, basic: { scopes: ['x'], resource: [], issuer: { name: 'main' } } })
})

test.each([
  ['the scheme basic without a `basic` entry', 'accept: [basic],', '', 'GH_POLICY_ACCEPT services.s.accept'],
  [
    'the scheme basic on a route without a `basic` entry',
    '',
    ', accept: [basic]',
    'GH_POLICY_ACCEPT services.s.routes[0].accept',
  ],
  ['terms of a service that no route uses', 'basic: { scopes: [x] },', '', 'GH_POLICY_ACCEPT services.s.basic'],
  [
    'terms of a route that does not accept basic',
    '',
    ', basic: { scopes: [x] }',
    'GH_POLICY_ACCEPT services.s.routes[0].basic',
  ],
  ['an unknown scheme', 'accept: [digest],', '', 'GH_CONFIG_VALUE services.s.accept[0]'],
  ['no scheme', 'accept: [],', '', 'GH_CONFIG_VALUE services.s.accept'],
  ['terms without scopes', 'accept: [basic], basic: {},', '', 'GH_CONFIG_MISSING services.s.basic.scopes'],
  [
    'an issuer that the service does not accept',
    'accept: [basic], basic: { scopes: [x], issuer: unknown },',
    '',
    'GH_POLICY_ISSUER services.s.basic.issuer',
  ],
])('the policy compiler rejects in `accept` and `basic`: %s', (_, service, route, expected) => {
  const problems = problemsOf(() => snapshotOf(policy(service, route)))

  expect(new Set(problems.map(({ code, path }) => `${code} ${path}`))).toEqual(new Set([expected]))
})

test('a service with several issuers must name the issuer whose client ids and secrets it accepts', () => {
  const service = 'issuers: [main, other], accept: [basic], basic: { scopes: [x] },'

  const [problem, ...more] = problemsOf(() => snapshotOf(policy(service, '', twoIssuers)))

  expect(more).toEqual([])
  expect(problem).toMatchObject({
    code: 'GH_POLICY_ISSUER',
    path: 'services.s.basic',
    hint: 'set issuer to one of main, other',
  })
  expect(
    snapshotOf(policy(service.replace('[x] }', '[x], issuer: other }'), '', twoIssuers)).routes[0]!.accept.basic!.issuer
      .name,
  ).toBe('other')
})

test('the printed policy has the schemes of `accept`, and `basic` with its issuer and every default', () => {
  const { document } = sourceOf(policy('accept: [basic], basic: { scopes: [x] },', ', accept: [bearer]'))

  expect(printPolicy(document)).toMatchObject({
    services: {
      s: {
        accept: ['basic'],
        basic: { issuer: 'main', scopes: ['x'], resource: [], client_auth: 'client_secret_basic' },
        routes: [{ accept: ['bearer'] }, { accept: ['basic'] }],
      },
    },
  })
})
