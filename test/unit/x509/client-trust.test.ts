import { X509Certificate } from 'node:crypto'
import { Extension } from '@peculiar/x509'
import { expect, test } from 'vitest'
import { parseCallerCertificate } from '../../../gateway/x509/caller-certificate.ts'
import { ClientTrust } from '../../../gateway/x509/client-trust.ts'
import { parseRevocationList } from '../../../gateway/x509/revocation-list.ts'
import { ClientCa, type ClientIdentity, serverAuth } from '../../kit/client-ca.ts'

// The verification of client certificates by the gate itself: chain, validity, revocation (RFC 5280 §5, §6).

const HOUR_MS = 3_600_000
const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS)

const root = await ClientCa.create('root')
const issuing = await ClientCa.create('issuing', { parent: root })
const partner = await ClientCa.create('partner')
const client = await root.issue({ dns: ['orders.example'] })
const below = await issuing.issue({ dns: ['orders.example'] })

const ca = (name: string, ...from: ClientCa[]) => ({
  name,
  trustDomain: undefined,
  certificates: from.map(({ cert }) => new X509Certificate(cert)),
})
const listIn = (pem: string) => {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
  return { ...parseRevocationList(der), file: 'ca.crl' }
}
const parsed = ({ der }: ClientIdentity, ...chain: ClientCa[]) =>
  parseCallerCertificate(
    der,
    chain.map(({ cert }) => new X509Certificate(cert).raw),
  )

test('a client certificate is attributed to the CA in tls.client.ca that issued it', () => {
  const trust = new ClientTrust([ca('main', root, issuing), ca('partner', partner)], [])

  expect(trust.verify(parsed(client), false)?.ca.name).toBe('main')
  expect(trust.verify(parsed(below), false)?.ca.name).toBe('main')
})

test.each([
  ['of another CA', () => partner.issue({ dns: ['orders.example'] })],
  ['for servers only', () => root.issue({ dns: ['orders.example'], usage: serverAuth })],
  ['that is the certificate of a CA itself', () => root.issue({ dns: ['orders.example'], isCa: true })],
])('a client certificate %s is not trusted', async (_, issue) => {
  const trust = new ClientTrust([ca('main', root)], [])

  expect(trust.verify(parsed(await issue()), false)).toBeUndefined()
})

test('a client certificate of a CA with a trusted name but another key is not trusted', async () => {
  const imposter = await ClientCa.create('root')
  const trust = new ClientTrust([ca('main', root)], [])

  expect(trust.verify(parsed(await imposter.issue({ dns: ['a'] })), false)).toBeUndefined()
})

test('a client certificate below an intermediate CA is verified up to the root if the client presents the intermediate CA certificate too', () => {
  const trust = new ClientTrust([ca('main', root), ca('partner', partner)], [])

  expect(trust.verify(parsed(below), false)).toBeUndefined()
  expect(trust.verify(parsed(below, issuing), false)).toMatchObject({ ca: { name: 'main' }, byHandshake: false })
})

test('if two CAs certify each other, client certificates of both are verified, even if the cross-certificates outlive the roots', async () => {
  const until = inHours(24 * 900)
  const byPartner = await ClientCa.create('root', { parent: partner, keysOf: root, until })
  const byRoot = await ClientCa.create('partner', { parent: root, keysOf: partner, until })
  const trust = new ClientTrust([ca('bridge', root, partner, byPartner, byRoot)], [])

  expect(trust.verify(parsed(client), false)?.ca.name).toBe('bridge')
  expect(trust.verify(parsed(await partner.issue({ dns: ['a'] })), false)?.ca.name).toBe('bridge')
})

test('a client certificate that is presented as an intermediate CA cannot issue certificates', async () => {
  const keys = await ClientCa.create('client', { parent: root })
  const forged = await keys.issue({ dns: ['admin.example'] })
  const leaf = await root.issue({ dns: ['client'], commonName: 'client' })
  const trust = new ClientTrust([ca('main', root)], [])
  const presented = parseCallerCertificate(forged.der, [leaf.der])

  expect(trust.verify(presented, false)).toBeUndefined()
})

test('a chain that only the TLS handshake verified is attributed to the CA in tls.client.ca if there is exactly one', () => {
  const one = new ClientTrust([ca('main', root)], [])
  const two = new ClientTrust([ca('main', root), ca('partner', partner)], [])

  expect(one.verify(parsed(below), true)).toMatchObject({ ca: { name: 'main' }, byHandshake: true })
  expect(two.verify(parsed(below), true)).toBeUndefined()
})

test('new trusted CAs cover the previous trusted CAs only if no CA certificate was removed', () => {
  const both = new ClientTrust([ca('main', root, issuing)], [])
  const less = new ClientTrust([ca('main', root)], [])

  expect([both.covers(less), both.covers(both), less.covers(both)]).toEqual([true, true, false])
})

test('a certificate chain is valid only while the client certificate and every CA above it are valid', async () => {
  const brief = await ClientCa.create('brief', { parent: root, until: inHours(1) })
  const leaf = await brief.issue({ dns: ['a'], until: inHours(5) })
  const chain = new ClientTrust([ca('main', root, brief)], []).verify(parsed(leaf), false)!

  expect(chain.validUntilMs).toBe(new X509Certificate(brief.cert).validToDate.getTime())
  expect(chain.validFromMs).toBe(new X509Certificate(leaf.cert).validFromDate.getTime())
})

test('if a CA has two certificates with the same key, the certificate that is valid longer is used', async () => {
  const old = await ClientCa.create('root', { keysOf: root, until: inHours(-1) })
  const chain = new ClientTrust([ca('main', old, root)], []).verify(parsed(client), false)!

  expect(chain.validUntilMs).toBe(new X509Certificate(client.cert).validToDate.getTime())
})

test('a client certificate in a revocation list is revoked, and another certificate of the same CA is not', async () => {
  const other = await root.issue({ dns: ['b'] })
  const trust = new ClientTrust([ca('main', root)], [listIn(await root.revocationList([client]))])

  expect(trust.verify(parsed(client), false)).toMatchObject({ revoked: true })
  expect(trust.verify(parsed(other), false)).toMatchObject({ revoked: false })
})

test('if an intermediate CA is revoked, the client certificates below it count as revoked', async () => {
  const serial = new X509Certificate(issuing.cert).serialNumber
  const lists = [listIn(await root.revocationList([{ serial }])), listIn(await issuing.revocationList([]))]

  expect(new ClientTrust([ca('main', root, issuing)], lists).verify(parsed(below), false)).toMatchObject({
    revoked: true,
  })
})

test('the revocation status of a client certificate is known until the nextUpdate of the revocation list', async () => {
  const nextUpdate = new Date(Math.floor(Date.now() / 1000) * 1000 + HOUR_MS)
  const trust = new ClientTrust([ca('main', root)], [listIn(await root.revocationList([], { nextUpdate }))])

  expect(trust.verify(parsed(client), false)?.statusUntilMs).toBe(nextUpdate.getTime())
})

test('with revocation lists, the status of a client certificate is unknown if its own CA has no list', async () => {
  const lists = [listIn(await root.revocationList([]))]
  const listed = new ClientTrust([ca('main', root, issuing)], lists)
  const unlisted = new ClientTrust([ca('main', root)], lists)

  expect(listed.verify(parsed(below), false)?.statusUntilMs).toBe(Number.NEGATIVE_INFINITY)
  expect(unlisted.verify(parsed(below, issuing), false)?.statusUntilMs).toBe(Number.NEGATIVE_INFINITY)
  expect(unlisted.verify(parsed(below), true)?.statusUntilMs).toBe(Number.NEGATIVE_INFINITY)
})

test('a certificate revocation list that no trusted CA signed is rejected', async () => {
  const imposter = await ClientCa.create('root')
  const list = listIn(await imposter.revocationList([client]))

  expect(() => new ClientTrust([ca('main', root)], [list])).toThrow('ca.crl is not signed by a CA of tls.client.ca')
})

test('with revocation lists in tls.client, a trusted CA without a list is rejected', async () => {
  const list = listIn(await root.revocationList([]))

  expect(() => new ClientTrust([ca('main', root), ca('partner', partner)], [list])).toThrow(
    'CA partner has no revocation list',
  )
})

test.each([
  [
    'an intermediate CA without its root',
    () => [ca('main', issuing)],
    'CA main lacks the issuer of its certificate CN=issuing',
  ],
  ['the same certificate in two CAs', () => [ca('a', root), ca('b', root)], 'CA b contains a certificate of CA a'],
  [
    'a certificate that is not a CA',
    () => [{ ...ca('main'), certificates: [new X509Certificate(client.cert)] }],
    'CA main contains a certificate that is not a CA: CN=client',
  ],
])('tls.client.ca with %s is rejected', (_, cas, message) => {
  expect(() => new ClientTrust(cas(), [])).toThrow(message)
})

test.each([
  ['a delta list', '2.5.29.27'],
  ['a partitioned list', '2.5.29.28'],
])('%s of revoked certificates is rejected, because it does not contain all revoked certificates', async (_, id) => {
  const extensions = [new Extension(id, true, Buffer.from([0x30, 0x00]))]
  const pem = await root.revocationList([], { extensions })

  expect(() => listIn(pem)).toThrow('the revocation list has a critical extension')
})

test('a certificate revocation list that is cut off or has further bytes is rejected', async () => {
  const der = Buffer.from((await root.revocationList([client])).replace(/-----[^-]+-----/g, ''), 'base64')
  for (let length = 0; length < der.length; length++) {
    expect(() => parseRevocationList(der.subarray(0, length))).toThrow()
  }

  expect(() => parseRevocationList(Buffer.concat([der, Buffer.alloc(1)]))).toThrow('followed by other bytes')
})

test('the signature of a certificate revocation list is invalid if any byte of the list was changed', async () => {
  const der = Buffer.from((await root.revocationList([client])).replace(/-----[^-]+-----/g, ''), 'base64')
  const { publicKey } = new X509Certificate(root.cert)
  let read = 0
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der)
    changed[at]! ^= 1
    try {
      const list = parseRevocationList(changed)
      read++
      expect(list.signedBy(publicKey)).toBe(false)
    } catch (error) {
      if ((error as Error).name === 'AssertionError') throw error
    }
  }

  expect(read).toBeGreaterThan(0)
  expect(parseRevocationList(der).signedBy(publicKey)).toBe(true)
})
