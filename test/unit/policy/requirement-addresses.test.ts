// Address requirements are a part of `require`, in addition to the `addresses` lists of a route.

import { expect, test } from 'vitest'
import type { AddressLists } from '../../../gateway/policy/address-lists.ts'
import { compiled, inputOf, outcomeOf } from './requirement-input.ts'

test.each<[lists: AddressLists, address: string, met: boolean]>([
  [{ allow: ['10.0.0.0/8'] }, '10.1.2.3', true],
  [{ allow: ['10.0.0.0/8'] }, '11.0.0.1', false],
  [{ allow: ['10.0.0.0/8'] }, '::ffff:10.1.2.3', true],
  [{ allow: ['10.0.0.0/8'] }, '2001:db8::1', false],
  [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.2.3', false],
  [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.2.2.3', true],
  [{ deny: ['2001:db8::/32'] }, '2001:db8::1', false],
  [{ deny: ['2001:db8::/32'] }, '127.0.0.1', true],
])('whether the address requirement %j is met for the client address %s: %s', (addresses, address, met) => {
  expect(outcomeOf(compiled({ addresses }), { address })).toBe(met ? 'met' : 'address-denied')
  expect(outcomeOf(compiled({ not: { addresses } }), { address })).toBe(met ? 'requirement-unmet' : 'met')
})

test.each<AddressLists>([{ allow: ['10.0.0.0/8'] }, { deny: ['10.0.0.0/8'] }, { allow: ['0.0.0.0/0'] }])(
  'a client with an unknown address meets neither the address requirement %j nor the requirement with `not` before it',
  (addresses) => {
    expect(outcomeOf(compiled({ addresses }), { address: '0.0.0.0' })).toBe('address-denied')
    expect(outcomeOf(compiled({ not: { addresses } }), { address: '0.0.0.0' })).toBe('requirement-unmet')
    expect(outcomeOf(compiled({ not: { not: { addresses } } }), { address: '::ffff:0.0.0.0' })).toBe(
      'requirement-unmet',
    )
  },
)

test('an address requirement can be one alternative under `any`', () => {
  const either = compiled({ any: [{ addresses: { allow: ['10.0.0.0/8'] } }, { scopes: { all: ['remote'] } }] })

  expect(outcomeOf(either, { address: '10.0.0.1' })).toBe('met')
  expect(outcomeOf(either, { scopes: ['remote'] })).toBe('met')
  expect(outcomeOf(either, {})).toBe('requirement-unmet')
})

test('an unmet address requirement causes 403 forbidden with the reason address-denied, and its text for `gatehouse explain` names every condition', () => {
  const near = compiled({ addresses: { allow: ['10.0.0.0/8', '::1'], deny: ['10.1.2.3'] } })

  expect(near.evaluate(inputOf({}))).toMatchObject({ status: 403, code: 'forbidden', challenges: [] })
  expect(near).toMatchObject({ demand: 'addresses allow: 10.0.0.0/8, ::1; deny: 10.1.2.3', reason: 'address-denied' })
})
