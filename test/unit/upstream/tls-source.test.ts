import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TlsSource } from '../../../gateway/upstream/tls/tls-source.ts'
import { CertificateAuthority, type IssuedCertificate } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'

// Changes of the files of `upstream_tls` while they are in use. The tests check the files themselves, as the timer of
// the node does.

const root = mkdtempSync(join(tmpdir(), 'gatehouse-tls-source-'))
atEnd(() => rmSync(root, { recursive: true, force: true }))

const dayMs = 24 * 60 * 60 * 1000
const authority = await CertificateAuthority.create('authority')
const [first, second] = [await authority.issue({ names: ['gate'] }), await authority.issue({ names: ['gate'] })]
const expired = await authority.issue({
  names: ['gate'],
  from: new Date(Date.now() - 2 * dayMs),
  until: new Date(Date.now() - dayMs),
})
const future = await authority.issue({
  names: ['gate'],
  from: new Date(Date.now() + dayMs),
  until: new Date(Date.now() + 2 * dayMs),
})

let made = 0

function write(folder: string, { cert, key }: Partial<IssuedCertificate>): void {
  if (cert !== undefined) writeFileSync(join(folder, 'tls.crt'), cert)
  if (key !== undefined) writeFileSync(join(folder, 'tls.key'), key, { mode: 0o600 })
}

function filesIn(folder: string) {
  return {
    caFile: undefined,
    certFile: join(folder, 'tls.crt'),
    key: { file: join(folder, 'tls.key') },
    serverName: undefined,
    minVersion: 'TLSv1.2',
  } as const
}

function sourceOf(issued: IssuedCertificate, nowMs?: () => number) {
  const folder = join(root, String(made++))
  mkdirSync(folder)
  write(folder, issued)
  return { folder, source: new TlsSource(filesIn(folder), nowMs) }
}

const subject = (source: TlsSource) => source.current.certificate?.fingerprint256
const fingerprints = new Map([first, second, expired, future].map((issued) => [issued, sourceOf(issued).source]))
const of = (issued: IssuedCertificate) => subject(fingerprints.get(issued)!)

test('unchanged files of upstream_tls keep the certificates in use, and changed files replace them', () => {
  const { folder, source } = sourceOf(first)
  const before = source.current
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
  expect(source.current).toBe(before)

  write(folder, second)
  expect(source.refresh()).toEqual({ outcome: 'changed' })
  expect(subject(source)).toBe(of(second))
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
})

test('files of upstream_tls that are written again with the same contents change nothing', () => {
  const { folder, source } = sourceOf(first)
  const before = source.current
  write(folder, first)
  utimesSync(join(folder, 'tls.crt'), new Date(), new Date())

  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
  expect(source.current).toBe(before)
})

test('when Kubernetes swaps the link ..data, the new files of upstream_tls are used', () => {
  const folder = join(root, String(made++))
  mkdirSync(folder)
  const version = (name: string, issued: IssuedCertificate): void => {
    mkdirSync(join(folder, name))
    write(join(folder, name), issued)
    symlinkSync(name, join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  }
  version('..2030_01', first)
  for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(folder, name))
  // A clock far ahead: all files are old enough for their metadata to be compared.
  const source = new TlsSource(filesIn(folder), () => Date.now() + dayMs / 2)
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })

  version('..2030_02', second)

  expect(source.refresh()).toEqual({ outcome: 'changed' })
  expect(subject(source)).toBe(of(second))
})

test('a certificate of upstream_tls that is written before its key causes no error, and both are used once they match', () => {
  const { folder, source } = sourceOf(first)
  write(folder, { cert: second.cert })
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
  expect(subject(source)).toBe(of(first))

  write(folder, { key: second.key })
  expect(source.refresh()).toEqual({ outcome: 'changed' })
  expect(subject(source)).toBe(of(second))
})

test('if a new certificate of upstream_tls is unusable, the previous one stays in use, and the error is reported once, at the second check', () => {
  const { folder, source } = sourceOf(first)
  write(folder, { cert: 'no certificate' })
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
  expect(source.refresh()).toMatchObject({ outcome: 'rejected', error: { key: 'certificate' } })
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
  expect(subject(source)).toBe(of(first))

  rmSync(join(folder, 'tls.crt'))
  source.refresh()
  expect(source.refresh()).toMatchObject({ outcome: 'rejected', error: { message: expect.stringContaining('ENOENT') } })

  write(folder, second)
  expect(source.refresh()).toEqual({ outcome: 'changed' })
})

test('a requested reload reports an unusable file of upstream_tls immediately, each time', () => {
  const { folder, source } = sourceOf(first)
  write(folder, { key: 'no key' })

  expect(source.refresh(true)).toMatchObject({ outcome: 'rejected', error: { key: 'key' } })
  expect(source.refresh(true)).toMatchObject({ outcome: 'rejected', error: { key: 'key' } })
  expect(source.refresh()).toEqual({ outcome: 'unchanged' })
})

test.each([
  ['an expired certificate', expired, /has expired/],
  ['a certificate that is not valid yet', future, /is not valid before/],
])('%s in upstream_tls does not replace a valid certificate', (_, issued, message) => {
  const { folder, source } = sourceOf(first)
  write(folder, issued)

  expect(source.refresh(true)).toMatchObject({
    outcome: 'rejected',
    error: { message: expect.stringMatching(message) },
  })
  expect(subject(source)).toBe(of(first))
})

test('a certificate of upstream_tls that is not valid yet replaces the previous one as soon as it is valid', () => {
  let nowMs = Date.now()
  const { folder, source } = sourceOf(first, () => nowMs)
  write(folder, future)
  source.refresh()
  expect(subject(source)).toBe(of(first))

  nowMs += 1.5 * dayMs
  expect(source.refresh()).toEqual({ outcome: 'changed' })
  expect(subject(source)).toBe(of(future))
})

test('an expired certificate of upstream_tls is used at the start, and is replaced by a valid one', () => {
  const { folder, source } = sourceOf(expired)
  write(folder, first)

  expect(source.refresh()).toEqual({ outcome: 'changed' })
})
