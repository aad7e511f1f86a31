// Claims are compared exactly: by value, by type, and only along own members (S-070). A value that only contains a
// required value does not meet the requirement. An email address never matches a domain, whatever follows its @ (S-103,
// GHSA-c5c4-8r6x-56w3).

import { expect, test } from 'vitest'
import type { ClaimEntry } from '../../../gateway/policy/requirements/claims.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

const claim = (path: string[], wanted: Omit<ClaimEntry, 'claim'>) => compiled({ claims: [{ claim: path, ...wanted }] })

test.each<[wanted: Omit<ClaimEntry, 'claim'>, value: unknown, met: boolean]>([
  // `any`, with a single value and with a list
  [{ any: ['mfa'] }, 'mfa', true],
  [{ any: ['mfa'] }, ['pwd', 'mfa'], true],
  [{ any: ['otp', 'mfa'] }, ['mfa'], true],
  [{ any: ['mfa'] }, ['pwd'], false],
  [{ any: ['mfa'] }, [], false],
  [{ any: ['mfa'] }, 'MFA', false],
  [{ any: ['mfa'] }, 'mfa pwd', false],
  [{ any: ['mfa'] }, ['mfa pwd'], false],
  // all
  [{ all: ['a', 'b'] }, ['b', 'c', 'a'], true],
  [{ all: ['a', 'b'] }, ['a'], false],
  [{ all: ['a'] }, 'a', true],
  [{ all: ['a', 'b'] }, 'a', false],
  [{ all: ['a', 'a'] }, 'a', true],
  // both
  [{ all: ['a'], any: ['b', 'c'] }, ['a', 'c'], true],
  [{ all: ['a'], any: ['b', 'c'] }, ['a'], false],
  [{ all: ['a'], any: ['b', 'c'] }, ['b', 'c'], false],
  // whole
  [{ any: ['a@good.example'] }, 'a@good.example@evil', false],
  [{ any: ['good.example'] }, 'a@good.example', false],
  [{ any: ['@good.example'] }, 'a@good.example', false],
  // types
  [{ any: [1] }, 1, true],
  [{ any: [1] }, '1', false],
  [{ any: [1] }, true, false],
  [{ any: ['1'] }, 1, false],
  [{ any: [true] }, true, true],
  [{ any: [true] }, 'true', false],
  [{ any: [true] }, 1, false],
  [{ any: [false] }, false, true],
  [{ any: [false] }, 0, false],
  [{ any: [false] }, null, false],
  [{ any: [false] }, undefined, false],
  [{ any: [0] }, '', false],
  [{ any: [1.5] }, [1, 1.5], true],
  [{ any: ['null'] }, null, false],
  // values that are neither a scalar nor a list of scalars
  [{ any: ['a'] }, { a: 'a' }, false],
  [{ any: ['a'] }, [['a']], false],
  [{ any: ['a'] }, [{ a: 'a' }], false],
  [{ any: ['[object Object]'] }, {}, false],
  [{ any: ['a'] }, undefined, false],
])('whether the claim requirement %j is met by a claim with the value %j: %s', (wanted, value, met) => {
  expect(outcomeOf(claim(['c'], wanted), { claims: { c: value } })).toBe(met ? 'met' : 'claim-mismatch')
})

test.each([
  [['a', 'b'], '{ "a": { "b": "x" } }', true],
  [['a.b'], '{ "a.b": "x" }', true],
  [['a.b'], '{ "a": { "b": "x" } }', false],
  [['a', 'b'], '{ "a.b": "x" }', false],
  [['a', 'b'], '{ "a": [{ "b": "x" }] }', false],
  [['a', '0'], '{ "a": ["x"] }', false],
  [['a'], '{}', false],
  [['toString'], '{}', false],
  [['constructor', 'name'], '{}', false],
  [['__proto__', 'x'], '{ "__proto__": { "x": "x" } }', true],
  [['__proto__', 'x'], '{}', false],
])('S-070: whether a requirement for the claim path %j is met by the claims %s: %s', (path, json, met) => {
  const claims = JSON.parse(json) as Record<string, unknown>
  const wanted = ['x', 'Object', 'length']

  expect(outcomeOf(claim(path, { any: wanted }), { claims })).toBe(met ? 'met' : 'claim-mismatch')
})

test('a requirement with several claims is met only if all of these claims match', () => {
  const both = compiled({
    claims: [
      { claim: ['a'], any: ['x'] },
      { claim: ['b'], all: [true] },
    ],
  })

  expect(outcomeOf(both, { claims: { a: 'x', b: true } })).toBe('met')
  expect(outcomeOf(both, { claims: { a: 'x' } })).toBe('claim-mismatch')
  expect(outcomeOf(both, { claims: { b: true } })).toBe('claim-mismatch')
  expect(both.subRequirements).toHaveLength(2)
})

test('a claim requirement under `not` is met by another value and by a missing claim', () => {
  const blocked = compiled({ not: { claims: [{ claim: ['blocked'], any: [true] }] } })

  expect(outcomeOf(blocked, { claims: {} })).toBe('met')
  expect(outcomeOf(blocked, { claims: { blocked: false } })).toBe('met')
  expect(outcomeOf(blocked, { claims: { blocked: true } })).toBe('requirement-unmet')
})

test('an unmet claim requirement causes 403 forbidden without a challenge, and the denial is the same object for each request', () => {
  const mfa = claim(['amr'], { any: ['mfa'] })
  const denied = mfa.evaluate(inputOf({}))

  expect(denied).toMatchObject({ reason: 'claim-mismatch', status: 403, code: 'forbidden', challenges: [] })
  expect(mfa.evaluate(inputOf({ claims: { amr: [] } }))).toBe(denied)
})

test.each([
  [['realm_access', 'roles'], { any: ['a', 1, true] }, 'claim realm_access.roles any: "a", 1, true'],
  [['https://x.test/tier'], { all: ['1'], any: [1] }, 'claim ["https://x.test/tier"] all: "1"; any: 1'],
])(
  '`gatehouse explain` describes a requirement for the claim path %j with the values %j as: %s',
  (path, wanted, demand) => {
    expect(claim(path, wanted)).toMatchObject({ demand, reason: 'claim-mismatch', subRequirements: [] })
  },
)
