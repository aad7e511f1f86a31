// A requirement is a tree of known kinds. Each denial in the tree is created when the policy is compiled.

import { expect, test } from 'vitest'
import type { RequirementTree } from '../../../gateway/policy/requirements/requirement-kind.ts'
import { compiled as compile, inputOf as input, scopesIn } from './requirement-input.ts'

const inputOf = (scopes: readonly string[], roles: readonly string[]) => input({ scopes, roles })

const read: RequirementTree = { scopes: { all: ['read'] } }
const write: RequirementTree = { scopes: { all: ['write'] } }
const manager: RequirementTree = { roles: { any: ['manager'] } }

test.each<[tree: RequirementTree, scopes: string[], roles: string[], outcome: string]>([
  [read, ['read', 'write'], [], 'met'],
  [read, [], [], 'scope-missing: read'],
  // RFC 6749 §3.3: scopes are compared as a whole and case-sensitively
  [read, ['reader', 'Read', 'rea'], [], 'scope-missing: read'],
  [{ scopes: { all: ['a', 'b'] } }, ['a'], [], 'scope-missing: a b'],
  [{ scopes: { all: ['a', 'b'] } }, ['b', 'a'], [], 'met'],
  [{ scopes: { any: ['a', 'b'] } }, ['b'], [], 'met'],
  [{ scopes: { any: ['a', 'b'] } }, ['c'], [], 'scope-missing: a b'],
  [{ scopes: { all: ['a'], any: ['b', 'c'] } }, ['a'], [], 'scope-missing: a b c'],
  [{ scopes: { all: ['a'], any: ['b', 'c'] } }, ['b'], [], 'scope-missing: a b c'],
  [{ scopes: { all: ['a'], any: ['b', 'c'] } }, ['a', 'c'], [], 'met'],
  [manager, [], ['manager'], 'met'],
  [manager, ['manager'], ['clerk'], 'role-missing'],
  [{ roles: { all: ['a', 'b'] } }, [], ['a'], 'role-missing'],
  // `all`: the first unmet part determines the reason
  [{ all: [read, manager] }, ['read'], ['manager'], 'met'],
  [{ all: [read, manager] }, [], [], 'scope-missing: read'],
  [{ all: [manager, read] }, [], [], 'role-missing'],
  [{ all: [read, manager] }, ['read'], [], 'role-missing'],
  // `any`: the denial names scopes only if every alternative lacks only scopes
  [{ any: [read, write] }, ['write'], [], 'met'],
  [{ any: [read, write] }, [], [], 'scope-missing: read'],
  [{ any: [read, manager] }, [], [], 'requirement-unmet'],
  [{ any: [read, manager] }, [], ['manager'], 'met'],
  [{ any: [{ all: [read, manager] }, write] }, ['read'], [], 'requirement-unmet'],
  // not
  [{ not: manager }, [], [], 'met'],
  [{ not: manager }, [], ['manager'], 'requirement-unmet'],
  [{ not: { not: read } }, ['read'], [], 'met'],
  [{ all: [read, { not: { any: [manager, write] } }] }, ['read'], [], 'met'],
  [{ all: [read, { not: { any: [manager, write] } }] }, ['read', 'write'], [], 'requirement-unmet'],
])(
  'the result of the requirement %j for a token with scopes %j and roles %j is: %s',
  (tree, scopes, roles, outcome) => {
    const denied = compile(tree).evaluate(inputOf(scopes, roles))
    const scope = /scope="([^"]*)"/.exec(denied?.challenges[0] ?? '')?.[1]

    expect(denied === undefined ? 'met' : denied.reason + (scope === undefined ? '' : `: ${scope}`)).toBe(outcome)
  },
)

test('a missing scope causes 403 and a challenge that names the scope (RFC 6750 §3.1)', () => {
  const denied = compile({ scopes: { all: ['orders:read', 'x'] } }).evaluate(inputOf([], []))

  expect(denied).toMatchObject({
    status: 403,
    code: 'insufficient_scope',
    challenges: ['Bearer error="insufficient_scope", scope="orders:read x"'],
  })
})

test('a missing role causes 403 without a challenge, because no other token would help', () => {
  expect(compile(manager).evaluate(inputOf([], []))).toMatchObject({
    status: 403,
    code: 'forbidden',
    challenges: [],
  })
})

test('all requests that a requirement of scopes and roles denies get the same denial object', () => {
  const requirement = compile({ all: [{ any: [read, manager] }] })

  expect(requirement.evaluate(inputOf([], []))).toBe(requirement.evaluate(inputOf(['x'], ['y'])))
})

test('a compiled requirement has a text for `gatehouse explain`, and each requirement inside it has one too', () => {
  const { demand, subRequirements } = compile({
    all: [{ scopes: { all: ['a', 'b'], any: ['c', 'd'] } }, { not: manager }],
  })

  expect([
    demand,
    ...subRequirements.map((each) => each.demand),
    subRequirements[1]?.subRequirements[0]?.demand,
  ]).toEqual(['all of', 'scopes all: a, b; any: c, d', 'not', 'roles any: manager'])
})

test('S-126: the policy compiler throws for a requirement without a condition', () => {
  expect(() => compile({})).toThrow(TypeError)
  expect(() => compile({ not: { any: undefined } })).toThrow(TypeError)
  expect(() => compile({ all: [] })).toThrow(TypeError)
  expect(() => compile({ any: [] })).toThrow(TypeError)
  expect(() => compile({ claims: [] })).toThrow(TypeError)
  expect(() => compile({ headers: {} })).toThrow(TypeError)
})

test('the scopes that a client could request to meet a requirement do not include scopes that the requirement forbids', () => {
  expect(scopesIn({ all: [read, { any: [write, read] }, { not: { scopes: { all: ['admin'] } } }, manager] })).toEqual([
    'read',
    'write',
  ])
})

test('the scopes that a client could request to meet a requirement come from every branch of the requirement, also below a double `not`', () => {
  const time: RequirementTree = { time: { from: 0, to: 60, zone: 'UTC' } }
  const claims: RequirementTree = { claims: [{ claim: ['scopes'], any: ['x'] }] }

  expect(scopesIn({ any: [{ all: [time, write] }, { all: [claims, { not: { not: read } }] }] })).toEqual([
    'write',
    'read',
  ])
  expect(scopesIn({ any: [time, claims, { not: { all: [read, { not: write }] } }] })).toEqual(['write'])
})
