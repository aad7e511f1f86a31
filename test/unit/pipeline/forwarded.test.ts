import { expect, test } from 'vitest'
import { formatAddress } from '../../../gateway/base/addresses.ts'
import { readForwarded, readForwardedFor } from '../../../gateway/pipeline/client-address/forwarded.ts'

// RFC 7239 §4 and §6, S-041: how the gate parses the Forwarded and X-Forwarded-For fields.

const shown = (elements: ReturnType<typeof readForwarded>) =>
  elements?.map(({ address, proto, host }) =>
    [address === undefined ? '?' : formatAddress(address), proto ?? '-', host ?? '-'].join(' '),
  )

test.each([
  ['for=192.0.2.60', ['192.0.2.60 - -']],
  ['For="[2001:db8:cafe::17]:4711"', ['2001:db8:cafe::17 - -']],
  ['for=192.0.2.60;proto=HTTPS;by=203.0.113.43', ['192.0.2.60 https -']],
  ['for=192.0.2.43, for=198.51.100.17;host="api.example:8443"', ['192.0.2.43 - -', '198.51.100.17 - api.example:8443']],
  ['for=unknown', ['? - -']],
  ['for=_hidden, for=10.0.0.1', ['? - -', '10.0.0.1 - -']],
  ['for="::1"', ['::1 - -']],
  ['for="[::ffff:192.0.2.1]"', ['192.0.2.1 - -']],
  ['for="a\\"b"', ['? - -']],
  ['proto=http', ['? http -']],
])('the gate parses Forwarded: %s as %j', (value, elements) => {
  expect(shown(readForwarded(value))).toEqual(elements)
})

test.each([
  ['for'],
  ['for='],
  ['for=[::1]'],
  ['for=1.2.3.4,'],
  ['for=1.2.3.4;'],
  [',for=1.2.3.4'],
  ['for=1.2.3.4 for=5.6.7.8'],
  ['for=1.2.3.4;for=5.6.7.8'],
  ['for="1.2.3.4'],
  ['for="1.2.3.4"x'],
  [Array.from({ length: 65 }, () => 'for=1.2.3.4').join(',')],
  [`for=1.2.3.4;${Array.from({ length: 256 }, (_, n) => `x${n}=1`).join(';')}`],
])('the gate rejects Forwarded: %s as malformed', (value) => {
  expect(readForwarded(value)).toBeUndefined()
})

test('the gate rejects a malformed Forwarded field of 16,000 characters', () => {
  expect(readForwarded(`for="${'\\"'.repeat(8000)}`)).toBeUndefined()
  expect(readForwarded(`${' '.repeat(16_000)}for`)).toBeUndefined()
})

test.each([
  ['10.0.0.1, 203.0.113.9', ['10.0.0.1', '203.0.113.9']],
  ['203.0.113.9:4711', ['203.0.113.9']],
  ['[2001:db8::1]:4711', ['2001:db8::1']],
  ['2001:db8::1', ['2001:db8::1']],
  ['unknown,  10.0.0.1', ['?', '10.0.0.1']],
  ['10.0.0.1,', ['10.0.0.1', '?']],
  ['010.0.0.1', ['?']],
])('the gate parses X-Forwarded-For: %s as %j', (value, addresses) => {
  expect(readForwardedFor(value)?.map((one) => (one.address === undefined ? '?' : formatAddress(one.address)))).toEqual(
    addresses,
  )
})

test('the gate rejects an X-Forwarded-For field with 65 addresses', () => {
  expect(readForwardedFor(Array.from({ length: 65 }, () => '10.0.0.1').join(','))).toBeUndefined()
})
