// Lists of permitted addresses: a deny entry overrides allow entries, and an allow list permits only the addresses in
// it.

import { BlockList } from 'node:net'
import { expect, test } from 'vitest'
import { BlockSet, parseBlock } from '../../../gateway/base/address-blocks.ts'
import { AddressList } from '../../../gateway/base/address-list.ts'
import { formatAddress, parseAddress } from '../../../gateway/base/addresses.ts'
import { fc } from '../../kit/properties.ts'

test.each([
  { allow: ['10.0.0.0/8'], address: '10.255.0.1', permitted: true },
  { allow: ['10.0.0.0/8'], address: '11.0.0.0', permitted: false },
  { allow: ['10.0.0.0/8'], address: '::ffff:10.1.2.3', permitted: true },
  { allow: ['::ffff:10.0.0.0/104'], address: '10.1.2.3', permitted: true },
  { allow: ['0.0.0.0/0'], address: '203.0.113.9', permitted: true },
  { allow: ['0.0.0.0/0'], address: '2001:db8::1', permitted: false },
  { allow: ['::/0'], address: '203.0.113.9', permitted: false },
  { allow: ['::/0'], address: '2001:db8::1', permitted: true },
  { allow: ['192.0.2.7'], address: '192.0.2.7', permitted: true },
  { allow: ['192.0.2.7'], address: '192.0.2.6', permitted: false },
  { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'], address: '10.1.2.3', permitted: false },
  { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'], address: '10.2.2.3', permitted: true },
  { allow: ['10.1.0.0/16'], deny: ['10.0.0.0/8'], address: '10.1.2.3', permitted: false },
  { deny: ['fe80::/10'], address: 'fe80::1', permitted: false },
  { deny: ['fe80::/10'], address: '2001:db8::1', permitted: true },
  { allow: [], address: '10.0.0.1', permitted: false },
  // The addresses 0.0.0.0 and :: mean that the client address is unknown.
  { deny: ['10.0.0.0/8'], address: '0.0.0.0', permitted: false },
  { allow: ['0.0.0.0/0'], address: '0.0.0.0', permitted: false },
  { allow: ['0.0.0.0/0'], address: '::ffff:0.0.0.0', permitted: false },
  { allow: ['::/0'], address: '::', permitted: false },
  { address: '10.0.0.1', permitted: true },
])(
  'whether an address list with allow $allow and deny $deny permits the address $address: $permitted',
  ({ allow, deny, address, permitted }) => {
    expect(AddressList.compile({ allow, deny }).permits(parseAddress(address)!)).toBe(permitted)
  },
)

test.each([
  '10.0.0.1/8',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '2001:db8::1/64',
  '::/129',
  '::ffff:0:0/90',
  'localhost',
  '10.*',
  '',
])('the address list refuses %j, which is not an IP address or CIDR block', (text) => {
  expect(parseBlock(text)).toBeUndefined()
  expect(() => AddressList.compile({ deny: [text] })).toThrow(RangeError)
})

test('a BlockSet contains the same addresses as the BlockList of Node, for random IPv4 blocks', () => {
  // The addresses differ in few bits, so that blocks touch and overlap.
  const bytes = fc.array(fc.constantFrom(0, 1, 128), { minLength: 4, maxLength: 4 })
  const block = fc.record({ bytes, bits: fc.integer({ min: 0, max: 32 }) }).map(({ bytes, bits }) => ({
    bytes: Uint8Array.from(bytes, (byte, i) => byte & ((0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff)),
    bits,
  }))
  fc.assert(
    fc.property(
      fc.array(block, { maxLength: 6 }),
      bytes.map((each) => Uint8Array.from(each)),
      (blocks, address) => {
        const reference = new BlockList()
        for (const { bytes, bits } of blocks) reference.addSubnet(formatAddress(bytes), bits, 'ipv4')

        expect(new BlockSet(blocks).holds(address)).toBe(reference.check(formatAddress(address), 'ipv4'))
      },
    ),
  )
})
