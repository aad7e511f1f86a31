// docs/design/architecture.md §3: what derives from facts is kept per service and snapshot, and dies with the facts.

import { expect, test } from 'vitest'
import { derivedFor } from '../../../gateway/credentials/derived.ts'
import { factsOf } from '../oauth/known-facts.ts'

const roles = new Set(['manager'])

test('derived data is computed once for each service of a snapshot', () => {
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

test('derived data without an assertion needs one at once', () => {
  expect(derivedFor(factsOf(), {}, () => roles).assertionRenewAtMs).toBe(0)
})

test('facts keep derived data of 8 services; the oldest is dropped', () => {
  const facts = factsOf()
  const services = Array.from({ length: 9 }, (_, id) => ({ id }))
  for (const service of services) derivedFor(facts, service, () => roles)
  expect(facts.derived.map((each) => each.service)).toEqual(services.slice(1))
})
