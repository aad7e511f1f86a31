// The certificate that the demo makes is accepted by TLS clients that trust it.

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { selfSigned } from '../../../deploy/demo/self-signed.ts'

const { certificate, key } = selfSigned(['localhost', '127.0.0.1'])
const server = createServer({ cert: certificate, key })

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
})

afterAll(() => void server.close())

function handshake(ca: string, servername?: string): Promise<unknown> {
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, ca, ...(servername && { servername }) })
  return once(socket, 'secureConnect').finally(() => socket.destroy())
}

test('a self-signed certificate names its hosts, and is valid now and for 90 days', () => {
  const read = new X509Certificate(certificate)

  expect(read.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
  expect(read.verify(read.publicKey)).toBe(true)
  expect(Date.parse(read.validFrom)).toBeLessThan(Date.now())
  expect(Math.round((Date.parse(read.validTo) - Date.now()) / 86_400_000)).toBe(90)
})

test.each([undefined, 'localhost'])(
  'a TLS client that trusts a self-signed certificate accepts the server by the name %s',
  async (name) => {
    await handshake(certificate, name)
  },
)

test('a TLS client refuses a self-signed certificate for another name, or if it does not trust the certificate', async () => {
  await expect(handshake(certificate, 'other.test')).rejects.toThrow('other.test')
  await expect(handshake(selfSigned(['localhost']).certificate)).rejects.toThrow('self-signed')
})

test('a self-signed certificate with many names has the long forms of DER lengths', () => {
  const names = Array.from({ length: 20 }, (_, index) => `host-${index}.test`)
  const read = new X509Certificate(selfSigned(['localhost', ...names]).certificate)

  expect(read.checkHost('host-19.test')).toBe('host-19.test')
})
