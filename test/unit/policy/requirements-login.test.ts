// Requirements for login sessions, and for the method and the time of a login (RFC 9470).

import { expect, test } from 'vitest'
import { problemsOf, snapshotOf } from './policy-text.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const now = '2026-01-01T00:10:00Z'
const authTime = (iso: string) => ({ auth_time: Date.parse(iso) / 1000 })

test.each([
  [{ session: 'main' }, { session: true }, 'met'],
  [{ session: 'main' }, {}, 'session-missing'],
  [{ session: 'main' }, { session: true, issuer: 'partner' }, 'session-of-other-issuer'],
  [{ not: { session: 'main' } }, {}, 'met'],
  [{ not: { session: 'main' } }, { session: true }, 'requirement-unmet'],
  [{ max_age: '5m' }, { claims: authTime('2026-01-01T00:05:00Z'), now }, 'met'],
  [{ max_age: '5m' }, { claims: authTime('2026-01-01T00:04:54Z'), now }, 'authentication-insufficient'],
  [{ max_age: '5m' }, { claims: authTime('2026-01-01T00:10:05Z'), now }, 'met'],
  [{ max_age: '5m' }, { claims: authTime('2026-01-01T00:10:06Z'), now }, 'authentication-insufficient'],
  [{ max_age: '5m' }, { claims: { auth_time: Number.NaN }, now }, 'authentication-insufficient'],
  [{ max_age: '5m' }, { claims: { auth_time: '2026' }, now }, 'authentication-insufficient'],
  [{ max_age: '5m' }, {}, 'authentication-insufficient'],
  [{ acr: ['gold'] }, {}, 'authentication-insufficient'],
  [{ acr: ['gold'] }, { acr: 'silver' }, 'authentication-insufficient'],
  [{ acr: ['gold', 'silver'] }, { acr: 'silver' }, 'met'],
  [{ acr: ['gold'], max_age: '5m' }, { acr: 'gold' }, 'authentication-insufficient'],
  [{ acr: ['gold'], max_age: '5m' }, { acr: 'gold', claims: authTime(now), now }, 'met'],
  [{ not: { acr: ['gold'] } }, { acr: 'silver' }, 'met'],
] as const)('the result of the requirement %j for a request with %j is: %s', (tree, brought, outcome) => {
  const { max_age, ...rest } = tree as { max_age?: string }
  const parsed = max_age === undefined ? tree : { ...rest, max_age: 300_000 }

  expect(outcomeOf(compiled(parsed as never), brought as never)).toBe(outcome)
})

test('the denial of an acr and max_age requirement names the acr values and the maximum age that a new login must provide, also under `any`', () => {
  const wanted = { acrValues: ['gold', 'silver'], maxAgeS: 300 }
  const strong = { acr: wanted.acrValues, max_age: 300_000 }

  const denied = compiled(strong).evaluate(inputOf({}))
  expect(denied).toMatchObject({ status: 401, code: 'insufficient_user_authentication', stepUp: wanted })
  expect(denied!.challenges).toEqual([
    'Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="300"',
  ])
  expect(compiled({ any: [{ scopes: { all: ['a'] } }, strong] }).evaluate(inputOf({}))?.stepUp).toEqual(wanted)
})

test('for a session of another issuer, a session requirement under `any` is denied with session-of-other-issuer, otherwise with requirement-unmet', () => {
  const either = compiled({ any: [{ session: 'main' }, { scopes: { all: ['a'] } }] })

  expect(outcomeOf(either, { session: true, issuer: 'partner' })).toBe('session-of-other-issuer')
  expect(outcomeOf(either, { scopes: ['b'] })).toBe('requirement-unmet')
})

test('the policy compiler rejects a session requirement if the issuer has no login or the service does not list the issuer', () => {
  const policy = (login: string, session: string) => `version: 1
issuers:
  main: { issuer: "https://main.test", audience: [a]${login} }
  other: { issuer: "https://other.test", audience: [a], login: { client_id: c, redirect: issuer } }
services:
  s: { upstreams: ["http://s"], issuers: [main], routes: [{ id: r, match: { path: / }, require: { session: ${session} } }] }
`
  const codes = (text: string) => problemsOf(() => snapshotOf(text)).map(({ code, path }) => `${code} ${path}`)

  expect(codes(policy('', 'main'))).toEqual(['GH_POLICY_LOGIN services.s.routes[0].require.session'])
  expect(codes(policy('', 'other'))).toEqual(['GH_POLICY_ISSUER services.s.routes[0].require.session'])
  expect(
    codes(policy(', login: { client_id: c, client_secret: { env: S }, private_key: { env: K } }', 'main')),
  ).toContain('GH_POLICY_LOGIN issuers.main.login')
  const { routes } = snapshotOf(policy(', login: { client_id: c, redirect: plain }', 'main'))
  expect(routes[0]!.logins.map(({ name }) => name)).toEqual(['main'])
})
