import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { expect, test } from 'vitest'
import { readTlsMaterial, TlsFileError } from '../../../gateway/upstream/tls/tls-material.ts'
import type { UpstreamTls } from '../../../gateway/upstream/tls/upstream-tls.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'

// Files of `upstream_tls`: what is unusable, and what makes connections different.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tls-material-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const authority = await CertificateAuthority.create('authority')
const own = await authority.issue({ names: ['gate'] })
const other = await authority.issue({ names: ['other'] })
const serverOnly = await authority.issue({ names: ['gate'], use: 'serverAuth' })
const clientOnly = await authority.issue({ names: ['gate'], use: 'clientAuth' })
const locked = await generate([{ name: 'commonName', value: 'gate' }], { keyType: 'ec', passphrase: 'secret words' })

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const files = {
  ca: file('ca.pem', authority.cert),
  cert: file('cert.pem', own.cert),
  key: file('key.pem', own.key),
  absent: join(folder, 'absent.pem'),
}

const nothing: UpstreamTls = {
  caFile: undefined,
  certFile: undefined,
  key: undefined,
  serverName: undefined,
  minVersion: 'TLSv1.2',
}
const client = (certFile: string, keyFile: string): Partial<UpstreamTls> => ({ certFile, key: { file: keyFile } })
const read = (tls: Partial<UpstreamTls>) => readTlsMaterial({ ...nothing, ...tls }, {})

test.each([
  ['an absent ca file', { caFile: files.absent }, 'ca', /absent\.pem cannot be read \(ENOENT\)/],
  ['an empty ca file', { caFile: file('empty.pem', '') }, 'ca', /empty\.pem contains no certificate in PEM/],
  [
    'a ca file that ends within a certificate',
    { caFile: file('half.pem', `${authority.cert}\n${own.cert.slice(0, 200)}`) },
    'ca',
    /contains an incomplete certificate/,
  ],
  [
    'a ca file with a damaged certificate',
    { caFile: file('bad.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n') },
    'ca',
    /contains an invalid certificate \(number 1 in the file\)/,
  ],
  ['an absent certificate', client(files.absent, files.key), 'certificate', /cannot be read \(ENOENT\)/],
  ['a certificate file with a key', client(files.key, files.key), 'certificate', /contains no certificate in PEM/],
  ['an absent key', client(files.cert, files.absent), 'key', /cannot be read \(ENOENT\)/],
  ['an empty key', client(files.cert, file('no.key', '')), 'key', /empty/],
  ['a key that is a certificate', client(files.cert, files.cert), 'key', /not a private key in PEM/],
  [
    'a key with a passphrase',
    client(files.cert, file('locked.key', locked.private)),
    'key',
    /locked\.key is not .* without a passphrase/,
  ],
  [
    'the key of another certificate',
    client(files.cert, file('other.key', other.key)),
    'key',
    /other\.key does not match/,
  ],
  [
    'a certificate that only servers may use',
    client(file('server.pem', serverOnly.cert), file('server.key', serverOnly.key)),
    'certificate',
    /extended key usage clientAuth/,
  ],
  [
    'a variable that is not set as the key',
    { certFile: files.cert, key: { env: 'ORDERS_KEY' } },
    'key',
    /environment variable ORDERS_KEY is not set/,
  ],
] as const)('upstream_tls with %s is rejected with an error that names the file', (_, tls, key, message) => {
  expect(() => read(tls)).toThrow(TlsFileError)
  expect(() => read(tls)).toThrow(expect.objectContaining({ key, message: expect.stringMatching(message) }))
})

test('upstream_tls accepts a certificate with its key, a certificate chain, and a bundle of authorities', () => {
  const bundle = file('bundle.pem', `Subject: a comment\n${authority.cert}\n${own.cert}`)
  const chain = file('chain.pem', `${clientOnly.cert}\n${authority.cert}`)
  const material = read({ caFile: bundle, ...client(chain, file('client.key', clientOnly.key)) })

  expect(material.authorities).toHaveLength(2)
  expect(material.certificate?.subject).toBe('CN=gate')
})

test('the hash of upstream_tls changes with each part that affects connections, and with no other part', () => {
  const copies = client(file('copy.pem', own.cert), file('copy.key', own.key))
  const base = { caFile: files.ca, ...client(files.cert, files.key) }
  const hash = (tls: Partial<UpstreamTls>): string => read(tls).hash

  expect(hash({ caFile: files.ca, ...copies })).toBe(hash(base))
  const shapes = [
    base,
    {},
    { ...base, caFile: undefined },
    { ...base, caFile: file('more.pem', `${authority.cert}\n${other.cert}`) },
    { caFile: files.ca },
    { caFile: files.ca, ...client(file('other.pem', other.cert), file('other2.key', other.key)) },
    { ...base, serverName: 'orders.internal' },
    { ...base, minVersion: 'TLSv1.3' as const },
  ]
  expect(new Set(shapes.map(hash)).size).toBe(shapes.length)
})
