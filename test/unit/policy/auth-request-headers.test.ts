import { expect, test } from 'vitest'
import { printPolicy } from '../../../gateway/policy/print-policy.ts'
import { policyOf, problemsOf, snapshotOf, sourceOf } from './policy-text.ts'

// `auth_request_headers` of a service: fields in which it receives claims of the user, unsigned.

const routes = { r: { path: '/**' } }
const withFields = (auth_request_headers: unknown, more: object = {}) =>
  policyOf(routes, { auth_request_headers, ...more })

test('auth_request_headers as a mapping names the fields and their claims, and the gate removes these fields from requests of clients', () => {
  const mapping = { user: 'X-User', groups: 'Remote-Groups', claims: { user: 'a.b', groups: ['https://x.test/g'] } }
  const [service] = snapshotOf(withFields(mapping)).services

  expect(service!.identityFields).toEqual([
    { name: 'x-user', path: ['a', 'b'], list: false },
    { name: 'remote-groups', path: ['https://x.test/g'], list: true },
  ])
  expect(service!.credentialFields).toEqual(new Set(['x-user', 'remote-groups']))
  const printed = snapshotOf(JSON.stringify(printPolicy(sourceOf(withFields(mapping)).document)))
  expect(printed.services[0]!.identityFields).toEqual(service!.identityFields)
})

test.each<[mapping: object, message: RegExp]>([
  [{ claims: {} }, /must name a field/],
  [{ user: 'X-User', email: 'x-user' }, /must not name a field twice/],
  [{ user: 'X_User' }, /of letters, digits and -/],
  ...['Authorization', 'Cookie', 'X-Forwarded-For', 'X-Gatehouse-User', 'Host', 'X-Real-IP', 'Sec-User'].map(
    (user): [object, RegExp] => [{ user }, /by which neither gate nor protocol speak/],
  ),
  [{ user: 'X-User', name: 'X-Name' }, /unknown key/],
])('the policy parser rejects auth_request_headers %j', (mapping, message) => {
  const [problem, ...more] = problemsOf(() => snapshotOf(withFields(mapping)))

  expect([problem!.message, more]).toEqual([expect.stringMatching(message), []])
})

test.each([
  [{ pass_headers: ['Remote-User'] }, /remote-user is also in pass_headers/],
  [
    { credentials: { type: 'header', name: 'X-Api-Key', secret: { env: 'KEY' } } },
    /x-api-key has a credential of the service/,
  ],
])('the policy compiler rejects a field of auth_request_headers that %j sets too', (more, message) => {
  const user = 'pass_headers' in more ? 'Remote-User' : 'X-Api-Key'
  const [problem] = problemsOf(() => snapshotOf(withFields({ user }, more)))

  expect(problem).toMatchObject({ code: 'GH_POLICY_CREDENTIAL', message: expect.stringMatching(message) })
})
