import { createServer as createPlainServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import { getCACertificates, type SecureContextOptions, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { generate } from 'selfsigned'
import { expect, test, vi } from 'vitest'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { called } from './call-log.ts'

// For an https upstream, the certificate must match the name of the upstream, whatever Host a client sends (RFC 9110
// §4.3.4). The gate uses HTTP/1.1 even if the service prefers HTTP/2.

type AltName = { readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string }

let made = 0

async function certificateFor(altName: AltName) {
  const { cert, private: key } = await generate([{ name: 'commonName', value: `service ${made++}` }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [altName] }],
  })
  return { cert, key }
}

const byName = await certificateFor({ type: 2, value: 'localhost' })
const byAddress = await certificateFor({ type: 7, ip: '127.0.0.1' })
const other = await certificateFor({ type: 2, value: 'api.test' })
const untrusted = await certificateFor({ type: 2, value: 'localhost' })
setDefaultCACertificates([...getCACertificates('default'), byName.cert, byAddress.cert, other.cert])

const targetOf = (host: string, port: number) => new Http1Target(new URL(`https://${host}:${port}`), 5000, 1024)

/**
 * Starts an HTTPS server that replies with the requested server name (SNI) and with the number of its connections so
 * far.
 */
async function secure(certificate: SecureContextOptions) {
  let connections = 0
  const server = createServer(certificate, (request, response) => {
    response.setHeader('x-connections', connections)
    response.end(String((request.socket as TLSSocket).servername))
  })
  server.on('secureConnection', () => connections++)
  atEnd(() => server.closeAllConnections())
  return listen(server)
}

test('the gate uses the host name of the upstream, not the Host field, for SNI and the certificate check, and reuses the connection', async () => {
  const target = targetOf('localhost', await secure(byName))

  for (const host of ['api.test', 'other.test', 'localhost:1', '10.0.0.1']) {
    const log = await called(target, { fields: ['host', host] })
    expect(log).toMatchObject({ status: 200, body: 'localhost' })
    expect(log.fields).toContainEqual(['x-connections', '1'])
  }
})

test('the gate sends no SNI to an upstream with an IP address, and validates the certificate', async () => {
  const good = await called(targetOf('127.0.0.1', await secure(byAddress)), { fields: ['host', 'localhost'] })
  expect(good).toMatchObject({ status: 200, body: 'false' })

  const bad = await called(targetOf('127.0.0.1', await secure(byName)), { fields: ['host', 'localhost'] })
  expect(bad.fault).toMatchObject({ reason: 'upstream-certificate' })
})

const hour = 60 * 60 * 1000
const authority = await CertificateAuthority.create('authority of the services')
const expired = await authority.issue({
  names: ['localhost'],
  from: new Date(Date.now() - 2 * hour),
  until: new Date(Date.now() - hour),
})
const future = await authority.issue({ names: ['localhost'], from: new Date(Date.now() + hour) })
setDefaultCACertificates([...getCACertificates('default'), authority.cert])

test.each([
  ['for another name, even for the name in Host', other, /\(DNS:api\.test\) is not valid for the name .*server_name/],
  [
    'that is not trusted',
    untrusted,
    /\(DNS:localhost\) is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\).*upstream_tls\.ca/,
  ],
  ['that has expired', expired, /\(DNS:localhost\), or one that issued it, has expired \(it is valid until 20.*Z\)/],
  ['that is not valid yet', future, /is not valid yet; check the clocks/],
])('S-086: the gate rejects an upstream certificate %s, and sends nothing', async (_, certificate, message) => {
  let asked = 0
  const server = createServer(certificate, () => asked++)
  atEnd(() => server.closeAllConnections())
  const target = targetOf('localhost', await listen(server))

  const { fault, events } = await called(target, { fields: ['host', 'api.test'] })

  expect(events).toEqual(['fault'])
  expect(fault).toMatchObject({ reason: 'upstream-certificate', retryable: true })
  expect(fault!.message).toMatch(message)
  expect(asked).toBe(0)
  expect(target.health.restUntil).toBeGreaterThan(0)
})

test.each([
  ['TLS 1.3', {}, /the upstream requires a client certificate; set upstream_tls\.certificate/],
  ['TLS 1.2', { maxVersion: 'TLSv1.2' }, /or the upstream requires a client certificate/],
] as const)(
  'an upstream that requires a client certificate over %s causes upstream-handshake, and the message names the remedy',
  async (_, version, message) => {
    const options = { ...byName, ...version, requestCert: true, rejectUnauthorized: true, ca: authority.cert }
    const target = targetOf('localhost', await secure(options))

    const { fault, events } = await called(target)

    expect(events).toEqual(['fault'])
    expect(fault).toMatchObject({ reason: 'upstream-handshake', message: expect.stringMatching(message) })
    expect(target.health.restUntil).toBeGreaterThan(0)
  },
)

test('an https upstream that does not speak TLS causes the reason upstream-handshake', async () => {
  const target = targetOf('localhost', await listen(createPlainServer((_, response) => response.end())))

  expect((await called(target)).fault).toMatchObject({
    reason: 'upstream-handshake',
    message: expect.stringContaining('the upstream does not speak TLS on this port'),
    retryable: true,
  })
})

test('a TLS session with an upstream is resumed only while the certificate with which it was established is valid', async () => {
  const soon = await authority.issue({ names: ['localhost'], until: new Date(Date.now() + hour) })
  const resumed: boolean[] = []
  const server = createServer(soon, (request, response) => {
    resumed.push((request.socket as TLSSocket).isSessionReused())
    response.setHeader('connection', 'close')
    response.end()
  })
  const target = targetOf('localhost', await listen(server))
  for (let n = 0; n < 2; n++) await called(target)
  const now = Date.now()
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 2 * hour)
  try {
    await called(target)
  } finally {
    clock.mockRestore()
  }
  await called(target)

  expect(resumed).toEqual([false, true, false, true])
})

test('the gate calls an upstream that offers HTTP/2 with HTTP/1.1', async () => {
  const server = createSecureServer({ ...byName, allowHTTP1: true }, (request, response) => {
    response.end(request.httpVersion)
  })
  atEnd(() => server.close())
  const target = targetOf('localhost', await listen(server))

  expect(await called(target)).toMatchObject({ status: 200, body: '1.1' })
})
