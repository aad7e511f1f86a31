// Each kind of requirement is one entry of one list. The policy schema, the policy compiler, the policy printer and the
// reference page use that list.

import { expect, test } from 'vitest'
import type { RequirementTree } from '../../../gateway/policy/requirements/requirement-kind.ts'
import { kindsIn, requirementKinds } from '../../../gateway/policy/requirements/requirement-kinds.ts'
import { requirementTree } from '../../../gateway/policy/requirements/requirement-tree.ts'
import type { Requirement } from '../../../gateway/policy/snapshot.ts'
import { compiled, inputOf } from './requirement-input.ts'

const scopes = { scopes: { all: ['read'] } }

/** One unmet requirement of each kind, as a policy states it. */
const unmet: Readonly<Record<string, unknown>> = {
  all: [scopes],
  any: [scopes, { roles: { all: ['clerk'] } }],
  not: { clients: { any: ['app'], issuer: 'main' } },
  scopes: { all: ['read'] },
  roles: { all: ['clerk'] },
  claims: { amr: { any: ['mfa'] } },
  email: { domain: ['corp.example'] },
  clients: { any: ['other-app'], issuer: 'main' },
  certificate: { spiffe: ['spiffe://prod.example/orders'] },
  headers: { 'X-Tenant': { any: ['blue'] } },
  addresses: { allow: ['192.0.2.0/24'] },
  time: { not_before: '2030-01-01T00:00:00Z' },
  session: 'main',
  acr: ['gold'],
  max_age: '5m',
  dpop: true,
}

test('no two kinds of requirements have the same policy key', () => {
  const keys = requirementKinds.flatMap((kind) => kind.keys)

  expect(new Set(keys).size).toBe(keys.length)
  expect(keys).toEqual(Object.keys(unmet))
})

test.each(Object.entries(unmet))(
  'a request that does not meet a requirement with the key `%s` is denied with a reason that the kind of requirement lists',
  (key, value) => {
    const tree = requirementTree.parse({ [key]: value })
    const reasons = reasonsIn(tree)
    const denied = compiled(tree).evaluate(inputOf({ client: 'app' }))

    expect(reasons).toContain(denied?.reason)
    for (const reason of leafReasons(compiled(tree))) expect(reasons).toContain(reason)
  },
)

test('a requirement without keys belongs to no kind of requirement, and inherited keys are ignored', () => {
  expect(kindsIn({})).toEqual([])
  expect(kindsIn({ scopes: undefined })).toEqual([])
  expect(kindsIn(Object.create(scopes))).toEqual([])
  expect(kindsIn({ constructor: {}, toString: {} })).toEqual([])
})

/** Returns the denial reasons of the kinds of a requirement and of all requirements inside it. */
function reasonsIn(tree: RequirementTree): readonly string[] {
  const inner = [tree['all'] ?? [], tree['any'] ?? [], tree['not'] ?? []].flat() as RequirementTree[]
  return [...kindsIn(tree).flatMap(({ reasons }) => reasons), ...inner.flatMap(reasonsIn)]
}

/** Returns the denial reasons that `explain` shows for requirements without sub-requirements. */
function leafReasons({ reason, subRequirements }: Requirement): readonly string[] {
  return subRequirements.length === 0 ? [reason] : subRequirements.flatMap(leafReasons)
}
