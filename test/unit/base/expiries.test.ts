import { expect, test } from 'vitest'
import { Expiries, type Expiry } from '../../../gateway/base/expiries.ts'

const expiry = (kind: Expiry['kind'], name: string, expiresAtMs: number): Expiry => ({ kind, name, expiresAtMs })
const listed = (...lists: readonly Expiry[][]): string[] => {
  const expiries = new Expiries()
  for (const list of lists) expiries.add({ expiries: () => list })
  return expiries.list().map(({ kind, name, expiresAtMs }) => `${kind} ${name} ${expiresAtMs}`)
}

test('the list of expiries has the entries of all sources, the earliest end first', () => {
  expect(
    listed([expiry('certificate', 'api', 30), expiry('secret', 'a', 10)], [expiry('client-certificate', 'orders', 20)]),
  ).toEqual(['secret a 10', 'client-certificate orders 20', 'certificate api 30'])
})

test('of several expiries with one kind and name, the list has the earliest end', () => {
  expect(
    listed([expiry('certificate', 'api', 30), expiry('certificate', 'api', 20)], [expiry('secret', 'api', 5)]),
  ).toEqual(['secret api 5', 'certificate api 20'])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e20])(
  'the list of expiries omits an end that no date can express (%d), because its text would be an error',
  (end) => {
    expect(listed([expiry('refresh-token', 'https://idp.test', end)])).toEqual([])
  },
)
