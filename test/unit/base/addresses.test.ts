// RFC 4291 §2.2 and RFC 5952: the text of an IP address has one meaning and one canonical form; any other text is
// refused.

import { isIP } from 'node:net'
import { expect, test } from 'vitest'
import { foldMapped, formatAddress, isLoopback, parseAddress } from '../../../gateway/base/addresses.ts'
import { fc } from '../../kit/properties.ts'

test.each([
  ['0.0.0.0', '0.0.0.0'],
  ['192.0.2.255', '192.0.2.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
])('the address %s has the canonical form %s', (text, canonical) => {
  expect(formatAddress(parseAddress(text)!)).toBe(canonical)
})

test.each([
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '0x7f.0.0.1',
  '2130706433',
  '1.2.3.4 ',
  '1.2.3.-4',
  ':',
  ':::',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  '1:2:3:4:5:6:7:8::',
  '::12345',
  '::g',
  '::1.2.3',
  '1.2.3.4::',
  '::1.2.3.4:5',
  'fe80::1%eth0',
  '[::1]',
  '::1/64',
])('the address parser refuses %j', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('an IPv4-mapped IPv6 address is treated as the IPv4 address; other IPv6 addresses stay IPv6 addresses', () => {
  expect([...foldMapped(parseAddress('::ffff:10.0.0.1')!)]).toEqual([10, 0, 0, 1])
  for (const text of ['::10.0.0.1', '::fffe:10.0.0.1', '::1:ffff:10.0.0.1', '64:ff9b::10.0.0.1']) {
    expect(foldMapped(parseAddress(text)!)).toHaveLength(16)
  }
})

test('the text of a random address of 4 or 16 bytes is parsed back to the same address, and that of an IPv4-mapped address to IPv4', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((all) => Uint8Array.from(all)),
  )
  fc.assert(
    fc.property(bytes, (address) => {
      const text = formatAddress(address)
      expect(isIP(text)).not.toBe(0)
      expect([...parseAddress(text)!]).toEqual([...foldMapped(address)])
    }),
  )
})

test('the address parser accepts exactly the texts that Node accepts as addresses, except those with an IPv6 zone', () => {
  const piece = fc.constantFrom('0', '1', 'ff', 'FFFF', '12345', ':', '::', '.', '1.2.3.4', '256', '%', ' ', 'g')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join('')
      fc.pre(!text.includes('%'))
      expect(parseAddress(text)?.length).toBe([undefined, 4, 16][[0, 4, 6].indexOf(isIP(text))])
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['128.0.0.1', false],
  ['::', false],
  ['::2', false],
  ['1::1', false],
])('whether the address %s is a loopback address: %s', (text, loopback) => {
  expect(isLoopback(parseAddress(text)!)).toBe(loopback)
})
