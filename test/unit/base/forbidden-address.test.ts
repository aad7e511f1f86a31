// S-121, CWE-918: the gate opens no connection to addresses at which clouds serve the credentials of a machine
// (link-local and metadata addresses).

import { expect, test } from 'vitest'
import { isForbiddenHost } from '../../../gateway/base/forbidden-address.ts'
import { guardedLookup, type NameLookup } from '../../../gateway/base/guarded-lookup.ts'

const ipv4 = ['169.254.169.254', '169.254.0.0', '169.254.255.255', '100.100.100.200', '192.0.0.192', '168.63.129.16']
const ipv6 = ['fe80::1', 'febf:ffff::1', 'fd00:ec2::254', 'fd20:ce::254']
const hexadecimal = (address: string) =>
  Buffer.from(address.split('.').map(Number))
    .toString('hex')
    .replace(/^(.{4})/, '$1:')

test.each([
  ...ipv4,
  ...ipv6,
  ...ipv4.flatMap((address) => [
    `::ffff:${address}`,
    `::ffff:${hexadecimal(address)}`,
    `64:ff9b::${address}`,
    `64:ff9b::${hexadecimal(address)}`,
  ]),
])('S-121: the gate treats %s as a forbidden address (link-local or cloud metadata)', (address) => {
  expect(isForbiddenHost(address)).toBe(true)
})

test.each([
  '169.253.255.255',
  '169.255.0.0',
  '100.100.100.199',
  '100.100.100.201',
  '192.0.0.193',
  '168.63.129.17',
  '10.0.0.1',
  '127.0.0.1',
  '::1',
  'fec0::1',
  'fd00:ec2::253',
  'fd20:ce::255',
  'fd00::1',
  '64:ff9b::10.0.0.1',
  '64:ff9a::169.254.169.254',
  '2001:db8::1',
  'fe80.example',
])('the gate does not treat %s as a forbidden address', (address) => {
  expect(isForbiddenHost(address)).toBe(false)
})

const resolving = (...addresses: { address: string; family: number }[]) =>
  ((_name: string, _options: object, callback: (error: null, found: typeof addresses) => void) => {
    callback(null, addresses)
  }) as unknown as NameLookup

test.each([
  { found: ['10.0.0.1'], refused: undefined },
  { found: ['10.0.0.1', '169.254.169.254'], refused: '169.254.169.254' },
  { found: ['::ffff:169.254.169.254'], refused: '::ffff:169.254.169.254' },
  { found: ['64:ff9b::6464:64c8'], refused: '64:ff9b::6464:64c8' },
  { found: ['fd20:ce::254'], refused: 'fd20:ce::254' },
])(
  'S-121: the gate refuses the DNS results $found of a name because they contain the address $refused (undefined: the results are accepted)',
  ({ found, refused }) => {
    const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    const look = guardedLookup(resolving(...addresses))
    for (const all of [true, false]) {
      look('idp.example', { all }, (error, first) => {
        if (refused === undefined) expect(first).toEqual(all ? addresses : found[0])
        else
          expect(error?.message).toContain(`idp.example resolves to ${refused}, a link-local or cloud metadata address`)
      })
    }
    expect.assertions(2)
  },
)
