// `require: { dpop: true }`: only tokens that are bound to the key of DPoP proofs (RFC 9449) meet it.

import { expect, test } from 'vitest'
import type { Confirmation } from '../../../gateway/oauth/confirmation.ts'
import { mainIssuer, problemsOf, snapshotOf } from './policy-text.ts'
import { compiled, inputOf } from './requirement-input.ts'

const jkt = 'A'.repeat(43)
const bound: Confirmation = { jkt, x5tS256: undefined }
const byCertificate: Confirmation = { jkt: undefined, x5tS256: jkt }

const input = (confirmation: Confirmation | undefined) => {
  const given = inputOf({ scopes: ['read'] })
  return { ...given, field: given.field, token: { ...given.token, confirmation } }
}

test.each<[tree: object, confirmation: Confirmation | undefined, outcome: string]>([
  [{ dpop: true }, bound, 'met'],
  [{ dpop: true }, { ...bound, x5tS256: jkt }, 'met'],
  [{ dpop: true }, undefined, 'dpop-required'],
  [{ dpop: true }, byCertificate, 'dpop-required'],
  [{ not: { dpop: true } }, undefined, 'met'],
  [{ not: { dpop: true } }, bound, 'requirement-unmet'],
  [{ any: [{ dpop: true }, { scopes: { all: ['read'] } }] }, undefined, 'met'],
  [{ any: [{ dpop: true }, { scopes: { all: ['write'] } }] }, undefined, 'requirement-unmet'],
  [{ all: [{ scopes: { all: ['read'] } }, { dpop: true }] }, bound, 'met'],
])('the requirement %j for a token with the confirmation (cnf) %j is %s', (tree, confirmation, outcome) => {
  expect(compiled(tree as never).evaluate(input(confirmation))?.reason ?? 'met').toBe(outcome)
})

function policy(require: object, service: object, route: object = {}): string {
  const routes = [{ id: 'r', match: { path: '/r' }, require, ...route }]
  const services = { orders: { upstreams: ['http://orders.test'], ...service, routes } }
  return `version: 1\n${mainIssuer}\nservices: ${JSON.stringify(services)}\n`
}

const scopes = { scopes: { all: ['read'] } }

test.each<[require: object, required: boolean]>([
  [{ dpop: true }, true],
  [{ all: [scopes, { all: [{ dpop: true }] }] }, true],
  [{ any: [{ dpop: true }, scopes] }, false],
  [{ not: { dpop: true } }, false],
  [scopes, false],
])('whether a route with the requirement %j requires tokens that are bound to a key: %s', (require, required) => {
  expect(snapshotOf(policy(require, {})).routes[0]!.dpopRequired).toBe(required)
})

test('a route that requires bound tokens is a policy error if the gate forwards the token to the service', () => {
  const problems = problemsOf(() => snapshotOf(policy({ all: [scopes, { dpop: true }] }, { credentials: 'token' })))

  expect(problems).toMatchObject([
    {
      code: 'GH_POLICY_CONTRADICTION',
      path: 'services.orders.routes[0].require',
      hint: 'set credentials: assertion, or remove dpop from the requirement',
    },
  ])
  const byRoute = policy({ dpop: true }, {}, { credentials: 'token' })
  expect(problemsOf(() => snapshotOf(byRoute))).toMatchObject([{ code: 'GH_POLICY_CONTRADICTION' }])
  const overridden = policy({ dpop: true }, { credentials: 'token' }, { credentials: 'assertion' })
  expect(problemsOf(() => snapshotOf(overridden))).toEqual([])
  expect(problemsOf(() => snapshotOf(policy(scopes, { credentials: 'token' })))).toEqual([])
  expect(problemsOf(() => snapshotOf(policy({ dpop: true }, { credentials: 'none' })))).toEqual([])
})

test.each([false, 'true', {}])('the value %j of the requirement `dpop` is a policy error', (value) => {
  expect(problemsOf(() => snapshotOf(policy({ dpop: value }, {})))[0]).toMatchObject({ code: 'GH_CONFIG_VALUE' })
})
