// S-121, S-122, CWE-918: URLs and addresses of issuers to which the gate connects or refuses to connect.

import { expect, test } from 'vitest'
import type { NameLookup } from '../../../gateway/base/guarded-lookup.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { readIssuerUrl, readMetadataUrl } from '../../../gateway/issuers/issuer-url.ts'
import { LoopbackIssuer } from './loopback-issuer.ts'

const loopbackUrls = [
  'http://127.0.0.1:8090/',
  'http://127.9.9.9/',
  'http://[::1]:8090/',
  'http://[::ffff:7f00:1]/',
  'http://localhost/',
  'http://idp.localhost/',
]

test.each(['https://idp.example/keys', 'https://10.0.0.1/', ...loopbackUrls])(
  'the gate accepts the issuer URL %s',
  (url) => {
    expect(readIssuerUrl(url).href).toBe(url)
  },
)

test.each([
  { url: 'https://169.254.169.254/latest', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://0xa9fea9fe/', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://2852039166/', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://[::ffff:a9fe:a9fe]/', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://[fe80::1]/', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://100.100.100.200/latest', wrong: 'a link-local or cloud metadata address' },
  { url: 'https://[64:ff9b::c000:c0]/', wrong: 'a link-local or cloud metadata address' },
  { url: 'http://169.254.169.254/', wrong: 'neither https' },
  { url: 'http://idp.example/keys', wrong: 'neither https' },
  { url: 'http://127.0.0.1.example/', wrong: 'neither https' },
  { url: 'http://10.0.0.1/', wrong: 'neither https' },
  { url: 'file:///etc/passwd', wrong: 'neither https' },
  { url: 'data:application/json,{}', wrong: 'neither https' },
  { url: 'https://user:pw@idp.example/', wrong: 'user name or password' },
  { url: '/keys', wrong: 'not an absolute URL' },
])('S-121: the gate rejects the issuer URL $url: $wrong', ({ url, wrong }) => {
  expect(() => readIssuerUrl(url)).toThrow(wrong)
  expect(() => readMetadataUrl(url, 'jwks_uri', 'http://127.0.0.1:1')).toThrow(/^jwks_uri in the metadata of http:/)
})

test.each(loopbackUrls)(
  'the gate rejects issuer metadata with the URL %s (loopback) unless the issuer itself has a loopback address',
  (url) => {
    expect(readMetadataUrl(url, 'jwks_uri', 'http://localhost:8090/realm').href).toBe(url)
    expect(() => readMetadataUrl(url, 'jwks_uri', 'https://idp.example', ', or set `jwks_uri` in the policy')).toThrow(
      `jwks_uri in the metadata of https://idp.example is ${new URL(url).origin}: http to a loopback address is accepted only if the ` +
        'issuer itself has a loopback address; let the issuer publish an https URL, or set `jwks_uri` in the policy',
    )
  },
)

const resolvingTo = (address: string) =>
  ((_name: string, _options: object, callback: (error: null, found: { address: string; family: number }[]) => void) => {
    callback(null, [{ address, family: 4 }])
  }) as unknown as NameLookup

test.each([
  { address: '169.254.0.1', wrong: 'idp.localhost resolves to 169.254.0.1, a link-local or cloud metadata address' },
  {
    address: '168.63.129.16',
    wrong: 'idp.localhost resolves to 168.63.129.16, a link-local or cloud metadata address',
  },
  // The control case: the gate connects to a permitted address, and the issuer replies.
  { address: '127.0.0.1', wrong: 'status 500' },
])(
  'S-121: the request of the gate to an issuer whose name resolves to $address fails with: $wrong',
  async ({ address, wrong }) => {
    const server = await LoopbackIssuer.start()
    server.instead.set('/', (_, response) => response.writeHead(500).end())
    const client = new IssuerClient({ lookup: resolvingTo(address) })
    const url = `http://idp.localhost:${new URL(server.issuer).port}/`
    await expect(client.getJson(url, AbortSignal.timeout(5_000))).rejects.toThrow(wrong)
    await client.close()
    await server.close()
  },
)

test('S-121: the gate rejects an issuer URL with a forbidden address without a DNS lookup', async () => {
  const client = new IssuerClient({ lookup: () => expect.unreachable('no name is resolved') })
  await expect(client.getJson('https://169.254.169.254/', AbortSignal.timeout(5_000))).rejects.toThrow(
    'a link-local or cloud metadata address',
  )
  await client.close()
})
