// S-121, S-122, CWE-918: where keys may be fetched from.

import { expect, test } from 'vitest'
import { isLinkLocal, lookupBeyondLink, type NameLookup } from '../../../gateway/base/link-local.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { readIssuerUrl } from '../../../gateway/issuers/issuer-url.ts'
import { LoopbackIssuer } from './loopback-issuer.ts'

test.each([
  { address: '169.254.169.254', linkLocal: true },
  { address: '169.254.0.1', linkLocal: true },
  { address: '::ffff:a9fe:a9fe', linkLocal: true },
  { address: '::ffff:169.254.169.254', linkLocal: true },
  { address: '64:ff9b::a9fe:a9fe', linkLocal: true },
  { address: 'fe80::1', linkLocal: true },
  { address: 'febf::1', linkLocal: true },
  { address: 'fd00:ec2::254', linkLocal: true },
  { address: '169.253.255.255', linkLocal: false },
  { address: '169.255.0.0', linkLocal: false },
  { address: 'fec0::1', linkLocal: false },
  { address: 'fd00::1', linkLocal: false },
  { address: '10.0.0.1', linkLocal: false },
  { address: '::1', linkLocal: false },
  { address: 'fe80.example', linkLocal: false },
])('$address is link-local: $linkLocal', ({ address, linkLocal }) => {
  expect(isLinkLocal(address)).toBe(linkLocal)
})

test.each([
  'https://idp.example/keys',
  'https://10.0.0.1/',
  'http://127.0.0.1:8090/',
  'http://127.9.9.9/',
  'http://[::1]:8090/',
  'http://localhost/',
  'http://idp.localhost/',
])('%s is accepted', (url) => {
  expect(readIssuerUrl(url, false).href).toBe(url)
})

test.each([
  { url: 'https://169.254.169.254/latest', wrong: 'link-local' },
  { url: 'https://0xa9fea9fe/', wrong: 'link-local' },
  { url: 'https://2852039166/', wrong: 'link-local' },
  { url: 'https://[::ffff:a9fe:a9fe]/', wrong: 'link-local' },
  { url: 'https://[fe80::1]/', wrong: 'link-local' },
  { url: 'http://169.254.169.254/', wrong: 'neither https' },
  { url: 'http://idp.example/keys', wrong: 'neither https' },
  { url: 'http://127.0.0.1.example/', wrong: 'neither https' },
  { url: 'http://10.0.0.1/', wrong: 'neither https' },
  { url: 'file:///etc/passwd', wrong: 'neither https' },
  { url: 'data:application/json,{}', wrong: 'neither https' },
  { url: 'https://user:pw@idp.example/', wrong: 'user name or password' },
  { url: '/keys', wrong: 'not an absolute URL' },
])('S-121: $url is refused: $wrong', ({ url, wrong }) => {
  expect(() => readIssuerUrl(url, false)).toThrow(wrong)
})

test('S-121: a setting allows link-local addresses', () => {
  expect(readIssuerUrl('https://169.254.169.254/', true).hostname).toBe('169.254.169.254')
})

const resolving = (...addresses: { address: string; family: number }[]) =>
  ((_name: string, _options: object, callback: (error: null, found: typeof addresses) => void) => {
    callback(null, addresses)
  }) as unknown as NameLookup

test.each([
  { found: ['10.0.0.1'], refused: false },
  { found: ['10.0.0.1', '169.254.169.254'], refused: true },
  { found: ['::ffff:169.254.169.254'], refused: true },
])('S-121: a name that resolves to $found at connect is refused: $refused', ({ found, refused }) => {
  const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const look = lookupBeyondLink(resolving(...addresses))
  for (const all of [true, false]) {
    look('idp.example', { all }, (error, first) => {
      expect(error !== null).toBe(refused)
      if (!refused) expect(first).toEqual(all ? addresses : found[0])
    })
  }
})

test.each([
  { allowLinkLocal: false, wrong: 'idp.localhost is link-local: 169.254.0.1' },
  { allowLinkLocal: true, wrong: 'status 500' },
])('S-121: connections ask the guarded look-up (allowed: $allowLinkLocal)', async ({ allowLinkLocal, wrong }) => {
  const server = await LoopbackIssuer.start()
  server.instead.set('/', (_, response) => response.writeHead(500).end())
  // A link-local address that would answer is not to be had here: where one is allowed, loopback stands in for it.
  const address = allowLinkLocal ? '127.0.0.1' : '169.254.0.1'
  const client = new IssuerClient({ allowLinkLocal, lookup: resolving({ address, family: 4 }) })
  const url = `http://idp.localhost:${new URL(server.issuer).port}/`
  await expect(client.getJson(url, AbortSignal.timeout(5_000))).rejects.toThrow(wrong)
  await client.close()
  await server.close()
})

test('S-121: an address in the URL itself is refused without a connection', async () => {
  const client = new IssuerClient()
  await expect(client.getJson('https://169.254.169.254/', AbortSignal.timeout(5_000))).rejects.toThrow('link-local')
  await client.close()
})
