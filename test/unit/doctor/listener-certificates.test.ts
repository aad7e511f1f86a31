import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { certificates } from '../../../gateway/doctor/checks/certificates.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { ClientCa, serverAuth } from '../../kit/client-ca.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` checks the validity of the listener's certificates, and the chain in each certificate file.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 24 * 60 * 60 * 1000
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS)

const root = await ClientCa.create('root')
const intermediate = await ClientCa.create('intermediate', { parent: root })
const endedIntermediate = await ClientCa.create('ended', { parent: root, from: inDays(-3), until: inDays(-1) })
const stranger = await ClientCa.create('stranger')

interface Listener {
  readonly certFile: string
  readonly entry: object
}

let files = 0

/** Writes a certificate file: a new certificate of `ca`, then the certificates of `more`. */
async function listener(
  ca: ClientCa,
  more: readonly ClientCa[],
  until = inDays(90),
  from = inDays(-1),
): Promise<Listener> {
  const { cert, key } = await ca.issue({ dns: ['api.example'], usage: serverAuth, from, until })
  const [certFile, keyFile] = [join(folder, `${files}.crt`), join(folder, `${files++}.key`)]
  writeFileSync(certFile, cert + more.map((each) => each.cert).join(''))
  writeFileSync(keyFile, key, { mode: 0o600 })
  return { certFile, entry: { cert: certFile, key: { file: keyFile } } }
}

const complete = await listener(intermediate, [intermediate, root])
const cases = {
  complete,
  withoutRoot: await listener(intermediate, [intermediate]),
  alone: await listener(intermediate, []),
  wrongOrder: await listener(intermediate, [root, intermediate]),
  strange: await listener(intermediate, [stranger]),
  endedIntermediate: await listener(endedIntermediate, [endedIntermediate, root]),
  ended: await listener(root, [root], inDays(-0.5)),
  soon: await listener(root, [root], inDays(5)),
  early: await listener(root, [root], inDays(90), inDays(1)),
}
const tls = { certificates: Object.values(cases).map(({ entry }) => entry) }
const findings = await findingsOf({ checks: [certificates], settings: { tls } })

test.each([
  ['with its intermediate and its root', 'complete', 'ok', /^complete, up to its own root \(3\)$/, null],
  [
    'without the root of its private authority',
    'withoutRoot',
    'unknown',
    /is not issued by a public authority/,
    /append/,
  ],
  ['without its intermediate', 'alone', 'unknown', /is not issued by a public authority/, /append its certificate/],
  [
    'in the wrong order',
    'wrongOrder',
    'failed',
    /^certificate 1 of the file is not issued by certificate 2$/,
    /server first/,
  ],
  [
    'with the intermediate of another authority',
    'strange',
    'failed',
    /^certificate 1 .* certificate 2$/,
    /server first/,
  ],
  [
    'with an ended intermediate',
    'endedIntermediate',
    'failed',
    /^certificate 2 of the file has expired \(/,
    /^replace this/,
  ],
] as const)(
  '`gatehouse doctor` reports the certificate chain of a file %s as $2',
  (_, name, result, detail, remedy) => {
    const found = findings.find(({ subject }) => subject === `${cases[name].certFile} chain`)

    expect(found).toMatchObject({ check: 'certificate', result })
    expect(found!.detail).toMatch(detail)
    if (remedy === null) expect(found!.remedy).toBe(null)
    else expect(found!.remedy).toMatch(remedy)
  },
)

test.each([
  ['for 90 more days', 'complete', 'ok', /^the certificate for api\.example is valid until /],
  ['until half a day ago', 'ended', 'failed', /^the certificate for api\.example has expired \(/],
  ['for 5 more days', 'soon', 'failed', /^the certificate for api\.example ends in less than 7 days \(/],
  ['from tomorrow', 'early', 'failed', /^not valid before /],
] as const)('`gatehouse doctor` reports a listener certificate that is valid %s as $2', (_, name, result, detail) => {
  const found = findings.find(({ subject }) => subject === cases[name].certFile)

  expect(found).toMatchObject({ check: 'certificate', result })
  expect(found!.detail).toMatch(detail)
  expect(found!.remedy === null).toBe(result === 'ok')
})
