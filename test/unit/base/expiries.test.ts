import { expect, test } from 'vitest'
import { Expiries, type Expiry } from '../../../gateway/base/expiries.ts'

const expiry = (kind: Expiry['kind'], name: string, expiresAtMs: number): Expiry => ({ kind, name, expiresAtMs })
const listed = (...lists: readonly Expiry[][]): string[] => {
  const expiries = new Expiries()
  for (const list of lists) expiries.add({ expiries: () => list })
  return expiries.list().map(({ kind, name, expiresAtMs }) => `${kind} ${name} ${expiresAtMs}`)
}

test('the list of expiring certificates, secrets and tokens has the entries of all sources, the earliest expiry first', () => {
  expect(
    listed([expiry('certificate', 'api', 30), expiry('secret', 'a', 10)], [expiry('client-certificate', 'orders', 20)]),
  ).toEqual(['secret a 10', 'client-certificate orders 20', 'certificate api 30'])
})

test('of several expiries with the same kind and name, the list of expiries has only the earliest', () => {
  expect(
    listed([expiry('certificate', 'api', 30), expiry('certificate', 'api', 20)], [expiry('secret', 'api', 5)]),
  ).toEqual(['secret api 5', 'certificate api 20'])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e20])(
  'the list of expiries omits an expiry time that no date can express (%d), because formatting it would throw',
  (end) => {
    expect(listed([expiry('refresh-token', 'https://idp.test', end)])).toEqual([])
  },
)
