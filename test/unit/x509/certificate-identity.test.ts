import { expect, test } from 'vitest'
import { parseCallerCertificate } from '../../../gateway/x509/caller-certificate.ts'
import { identityOfNames } from '../../../gateway/x509/certificate-identity.ts'
import { trustDomainOf } from '../../../gateway/x509/spiffe-id.ts'
import { ClientCa, type ClientNames } from '../../kit/client-ca.ts'

// S-085: the identity of a caller is the exact URI or subject alternative name of its certificate.

const ca = await ClientCa.create('root')
const mesh = { name: 'mesh', trustDomain: 'prod.example' }
const partner = { name: 'partner', trustDomain: undefined }

async function identity(names: ClientNames, of: Parameters<typeof identityOfNames>[1]) {
  const parsed = parseCallerCertificate((await ca.issue(names)).der)
  const found = parsed.names && identityOfNames(parsed.names, of)
  return found && [found.issuer, found.subject]
}

/** DER of a subjectAltName with these names; a name is at most 120 bytes. */
function rawNames(...names: readonly [tag: number, value: Buffer][]): Buffer {
  const encoded = names.map(([tag, value]) => Buffer.concat([Buffer.from([tag, value.length]), value]))
  const content = Buffer.concat(encoded)
  return Buffer.concat([Buffer.from([0x30, content.length]), content])
}
const text = (value: string) => Buffer.from(value, 'latin1')

test.each<[title: string, ClientNames, typeof mesh | typeof partner, string[] | undefined]>([
  [
    'a SPIFFE ID',
    { uris: ['spiffe://prod.example/orders'] },
    mesh,
    ['spiffe://prod.example', 'spiffe://prod.example/orders'],
  ],
  [
    'a SPIFFE ID and DNS names',
    { uris: ['spiffe://prod.example/a'], dns: ['a.example'] },
    mesh,
    ['spiffe://prod.example', 'spiffe://prod.example/a'],
  ],
  ['a SPIFFE ID of another trust domain', { uris: ['spiffe://other.example/orders'] }, mesh, undefined],
  ['S-085: a percent-encoded SPIFFE ID', { uris: ['spiffe://prod.example/a%2fb'] }, mesh, undefined],
  ['a SPIFFE ID with a dot segment', { uris: ['spiffe://prod.example/a/../b'] }, mesh, undefined],
  ['a SPIFFE ID with an upper-case scheme', { uris: ['SPIFFE://prod.example/a'] }, mesh, undefined],
  ['a trust domain without a path', { uris: ['spiffe://prod.example'] }, mesh, undefined],
  ['S-085: two URIs', { uris: ['spiffe://prod.example/a', 'spiffe://prod.example/b'] }, mesh, undefined],
  [
    'S-085: two URIs of a CA without a trust domain',
    { uris: ['https://a.example/', 'https://b.example/'] },
    partner,
    undefined,
  ],
  [
    'a SPIFFE ID of a CA without a trust domain',
    { uris: ['spiffe://prod.example/a%2fb'] },
    partner,
    ['x509:partner', 'spiffe://prod.example/a%2fb'],
  ],
  [
    'another URI of a CA with a trust domain',
    { uris: ['https://a.example/x'] },
    mesh,
    ['x509:mesh', 'https://a.example/x'],
  ],
  ['DNS names', { dns: ['Orders.Example', 'b.example'] }, partner, ['x509:partner', 'orders.example']],
  ['an e-mail address', { emails: ['ops@example.org'] }, partner, ['x509:partner', 'ops@example.org']],
  ['a wildcard alone', { dns: ['*.example'] }, partner, undefined],
  ['S-085: a common name alone', { commonName: 'orders.example' }, partner, undefined],
])('the identity of a client certificate with %s is $3 (undefined: none)', async (_, names, of, expected) => {
  expect(await identity(names, of)).toEqual(expected)
})

test.each([
  ['S-085: NUL in a DNS name', [0x82, text('orders.example\0.evil.example')]],
  ['NUL in a URI', [0x86, text('spiffe://prod.example/a\0b')]],
  ['a line feed in an e-mail address', [0x81, text('a@b\nc')]],
  ['a byte above ASCII in a DNS name', [0x82, text('\u00e9.example')]],
  ['a DNS name with the form of an e-mail address', [0x82, text('ops@example.org')]],
  ['a DNS name with the form of a URI', [0x82, text('spiffe://prod.example/orders')]],
  ['an IP address of 5 bytes', [0x87, Buffer.alloc(5)]],
] as const)('a client certificate with %s has no identity', async (_, name) => {
  const value = rawNames([0x82, text('first.example')], [name[0], name[1]])

  expect(await identity({ rawNames: value }, partner)).toBeUndefined()
})

test.each([
  ['IPv4', Buffer.from([192, 0, 2, 7]), '192.0.2.7'],
  ['IPv6', Buffer.from('20010db8000000000000000000000001', 'hex'), '2001:db8::1'],
])('a client certificate with only an %s address is identified by the address', async (_, bytes, expected) => {
  expect(await identity({ rawNames: rawNames([0x87, bytes]) }, partner)).toEqual(['x509:partner', expected])
})

test('the thumbprint of a client certificate is its SHA-256 hash, and a certificate with bytes after its end is rejected', async () => {
  const { der, thumbprint } = await ca.issue({ dns: ['a'] })

  expect(parseCallerCertificate(der).thumbprint).toBe(thumbprint)
  expect(() => parseCallerCertificate(Buffer.concat([der, Buffer.alloc(1)]))).toThrow('followed by other bytes')
})

test('a truncated client certificate is rejected at every length', async () => {
  const { der } = await ca.issue({ dns: ['a'] })
  for (let length = 0; length < der.length; length++) {
    expect(() => parseCallerCertificate(der.subarray(0, length))).toThrow()
  }
})

test.each([
  ['spiffe://prod.example/ns/orders', 'prod.example'],
  ['spiffe://prod.example/', undefined],
  ['spiffe://Prod.example/a', undefined],
  ['spiffe://prod.example:8443/a', undefined],
  ['spiffe://user@prod.example/a', undefined],
  ['spiffe://prod.example/a?b', undefined],
  [`spiffe://prod.example/${'a'.repeat(2048)}`, undefined],
])('the trust domain of the SPIFFE ID %s is %s', (id, expected) => {
  expect(trustDomainOf(id)).toBe(expected)
})
