// docs/design/architecture.md §3: data derived from token facts are stored per service and snapshot, and are deleted
// with the facts.

import { expect, test } from 'vitest'
import { derivedFor } from '../../../gateway/credentials/derived.ts'
import { factsOf } from '../oauth/known-facts.ts'

const roles = new Set(['manager'])

test('data derived from the facts of a token, such as roles, are computed once for each service of a policy snapshot', () => {
  const facts = factsOf()
  const service = { id: 'orders' }
  const made = derivedFor(facts, service, () => roles)
  expect(made).toMatchObject({ service, roles, assertion: '' })
  const never = () => {
    throw new Error('derived twice')
  }
  expect(derivedFor(facts, service, never)).toBe(made)
  expect(derivedFor(facts, { id: 'orders' }, () => roles)).not.toBe(made)
  expect(derivedFor(factsOf(), service, () => roles)).not.toBe(made)
})

test('new data derived from the facts of a token contain no assertion yet, so the gate must sign one immediately', () => {
  expect(derivedFor(factsOf(), {}, () => roles).assertionRenewAtMs).toBe(0)
})

test('the facts of a token keep derived data of at most 8 services; the oldest derived data are dropped', () => {
  const facts = factsOf()
  const services = Array.from({ length: 9 }, (_, id) => ({ id }))
  for (const service of services) derivedFor(facts, service, () => roles)
  expect(facts.derived.map((each) => each.service)).toEqual(services.slice(1))
})
