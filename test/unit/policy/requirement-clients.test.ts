// docs/design/contract.md §4: a client is identified by its issuer and its client id, (iss, client_id).

import { expect, test } from 'vitest'
import { problemsOf, snapshotOf } from './policy-text.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const clients = compiled({ clients: { any: ['reader', 'https://client.test/id'], issuer: 'main' } })

test.each([
  [{ client: 'reader' }, 'met'],
  [{ client: 'https://client.test/id' }, 'met'],
  [{ client: 'Reader' }, 'client-not-allowed'],
  [{ client: 'reader2' }, 'client-not-allowed'],
  [{ client: '' }, 'client-not-allowed'],
  [{ client: undefined }, 'client-not-allowed'],
  [{ client: 'reader', issuer: 'partner' }, 'client-not-allowed'],
])('the result of a client requirement for a token with %j is: %s', (brought, outcome) => {
  expect(outcomeOf(clients, brought)).toBe(outcome)
})

test('a client requirement under `not` rejects only the client of the named issuer', () => {
  const others = compiled({ not: { clients: { any: ['reader'], issuer: 'main' } } })

  expect(outcomeOf(others, { client: 'reader' })).toBe('requirement-unmet')
  expect(outcomeOf(others, { client: 'reader', issuer: 'partner' })).toBe('met')
  expect(outcomeOf(others, { client: undefined })).toBe('met')
})

test('an unmet client requirement causes 403 forbidden with the reason client-not-allowed, and its text for `gatehouse explain` names every condition', () => {
  expect(clients.evaluate(inputOf({}))).toMatchObject({ status: 403, code: 'forbidden', challenges: [] })
  expect(clients).toMatchObject({
    demand: 'clients of main any: reader, https://client.test/id',
    reason: 'client-not-allowed',
    subRequirements: [],
  })
})

const two =
  'issuers: { one: { issuer: "https://1.test", audience: [a] }, two: { issuer: "https://2.test", audience: [a] } }'
const policyOf = (issuers: string, listed: string[] | undefined, clients: object) => {
  const routes = [{ id: 'r', match: { path: '/' }, require: { not: { clients } } }]
  const services = { s: { upstreams: ['http://s'], ...(listed && { issuers: listed }), routes } }
  return `version: 1\n${issuers}\nservices: ${JSON.stringify(services)}\n`
}

test.each([
  ['the service lists one issuer, the requirement names none', ['one'], { any: ['c'] }, []],
  ['the requirement names the only issuer', ['one'], { any: ['c'], issuer: 'one' }, []],
  ['the requirement names one of two issuers', ['one', 'two'], { any: ['c'], issuer: 'two' }, []],
  [
    'the service lists two issuers, the requirement names none',
    ['one', 'two'],
    { any: ['c'] },
    ['GH_POLICY_ISSUER services.s.routes[0].require.not.clients'],
  ],
  [
    'the requirement names an issuer that the service does not list',
    ['one'],
    { any: ['c'], issuer: 'two' },
    ['GH_POLICY_ISSUER services.s.routes[0].require.not.clients.issuer'],
  ],
  ['the policy has no issuer', undefined, { any: ['c'] }, ['GH_POLICY_ISSUER services.s']],
])(
  'the policy compiler accepts a client requirement only if it is clear which issuer the client belongs to: %s',
  (_case, listed, wanted, expected) => {
    const problems = problemsOf(() => snapshotOf(policyOf(two, listed, wanted)))

    expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual(expected)
  },
)
