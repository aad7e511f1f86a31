import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, expect, test } from 'vitest'
import { certificateFor } from '../kit/certificate.ts'
import { ClientCa } from '../kit/client-ca.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// HTTP/2 over TLS: certificates by server name, ALPN, and a reload of the certificates.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-http2-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const upstream = await startUpstream()
const [api, shop] = [
  await certificateFor(folder, 'api', ['api.example', '*.api.example']),
  await certificateFor(folder, 'shop', ['shop.example']),
]
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [upstream.url] } }),
  settings: {
    tls: { certificates: [api, shop].map(({ certFile, keyFile }) => ({ cert: certFile, key: { file: keyFile } })) },
    public_url: 'https://api.example',
    listen_h2: { address: '127.0.0.1:0', tls: true },
  },
})

const namesOf = (session: Http2Session) =>
  (session.session.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName

test.each([
  ['api.example', 'api.example', 200, 'DNS:api.example'],
  ['eu.api.example', 'eu.api.example', 200, 'DNS:api.example'],
  ['shop.example', 'shop.example', 200, 'DNS:shop.example'],
  ['api.example', 'shop.example', 421, 'DNS:api.example'],
  ['other.example', 'other.example', 200, 'DNS:api.example'],
])(
  'an HTTP/2 client with the server name %s that asks for the host %s gets %i and the certificate of %s',
  async (name, host, status, names) => {
    const session = new Http2Session(node.http2Port, name)
    const reply = await session.get('/s/1', { ':authority': host, ':scheme': 'https' })

    expect([reply.status, session.session.alpnProtocol]).toEqual([status, 'h2'])
    expect(namesOf(session)).toContain(names)
    if (status === 200) expect(upstream.requests.at(-1)!.all('x-forwarded-proto')).toEqual(['https'])
  },
)

/** Sends HTTP/1.1 to the HTTP/2 port. @returns the bytes until the connection ends, and whether the handshake failed */
function speak(protocols: string[] | undefined): Promise<{ bytes: string; failed: boolean }> {
  return new Promise((resolve) => {
    let [bytes, failed] = ['', false]
    const alpn = protocols === undefined ? {} : { ALPNProtocols: protocols }
    const socket = connect({ host: '127.0.0.1', port: node.http2Port, rejectUnauthorized: false, ...alpn })
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: api.example\r\n\r\n'))
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1')
    })
    socket.on('error', () => {
      failed = true
    })
    socket.on('close', () => resolve({ bytes, failed }))
  })
}

test('a TLS client that offers only HTTP/1.1, or no protocol, gets no byte from the HTTP/2 listener', async () => {
  expect(await speak(['http/1.1'])).toEqual({ bytes: '', failed: true })
  expect((await speak(undefined)).bytes).toBe('')
})

test('SIGHUP activates a new certificate for HTTP/2, and open connections continue with the old certificate', async () => {
  const before = new Http2Session(node.http2Port, 'shop.example')
  await before.get('/s/1', { ':authority': 'shop.example' })
  const replaced = await certificateFor(folder, 'shop', ['shop.example', 'store.example'])
  await certificateFor(folder, 'api', ['api.example', 'new.example'])
  node.reload()
  await node.waitForLine(({ msg }) => msg === 'certificates reloaded')

  const fresh = new Http2Session(node.http2Port, 'store.example')
  expect((await fresh.get('/s/1', { ':authority': 'store.example' })).status).toBe(200)
  expect((fresh.session.socket as TLSSocket).getPeerX509Certificate()?.toString().trim()).toBe(
    replaced.cert.replaceAll('\r', '').trim(),
  )
  const unnamed = new Http2Session(node.http2Port, 'unknown.example')
  await unnamed.get('/s/1')
  expect(namesOf(unnamed)).toContain('new.example')
  expect((await before.get('/s/1', { ':authority': 'shop.example' })).status).toBe(200)
})

test('the HTTP/2 listener identifies a client by its certificate, and refuses a certificate that no listed CA issued or that has expired', async () => {
  const [mesh, stranger] = [await ClientCa.create('mesh'), await ClientCa.create('stranger')]
  const caFile = join(folder, 'mesh.pem')
  writeFileSync(caFile, mesh.cert)
  const caller = 'spiffe://prod.example/orders'
  const secured = await startNode({
    policy: {
      version: 1,
      services: {
        s: {
          upstreams: [upstream.url],
          credentials: 'none',
          routes: [{ id: 's', match: { path: '/s/**' }, require: { certificate: { spiffe: [caller] } } }],
        },
      },
    },
    settings: {
      tls: {
        certificates: [{ cert: shop.certFile, key: { file: shop.keyFile } }],
        client: { ca: [{ name: 'mesh', file: caFile, trust_domain: 'prod.example' }] },
      },
      public_url: 'https://shop.example',
      listen_h2: { address: '127.0.0.1:0', tls: true },
    },
  })
  const get = (session: Http2Session) => session.get('/s/1', { ':authority': 'shop.example' })
  const known = new Http2Session(secured.http2Port, 'shop.example', await mesh.issue({ uris: [caller] }))
  const other = new Http2Session(
    secured.http2Port,
    'shop.example',
    await mesh.issue({ uris: ['spiffe://prod.example/other'] }),
  )
  const without = new Http2Session(secured.http2Port, 'shop.example')
  const foreign = new Http2Session(secured.http2Port, 'shop.example', await stranger.issue({ uris: [caller] }))

  expect((await get(known)).status).toBe(200)
  expect((await get(other)).status).toBe(403)
  expect((await get(without)).status).toBe(403)
  await foreign.closed
  expect(foreign.session.destroyed).toBe(true)

  // Connection that was opened before a reload, and whose TLS handshake happens after the reload.
  const socket = connectTcp(secured.http2Port, '127.0.0.1')
  await until(
    'the connection',
    async () => (await readMetrics(secured.adminPort)).sum('gatehouse_http2_sessions') === 4,
  )
  await certificateFor(folder, 'shop', ['shop.example'])
  writeFileSync(caFile, mesh.cert + (await ClientCa.create('next')).cert)
  secured.reload()
  await secured.waitForLine(({ msg }) => msg === 'client CAs and revocation lists reloaded')
  const late = new Http2Session(secured.http2Port, 'shop.example', {
    ...(await mesh.issue({ uris: [caller] })),
    socket,
  })
  expect((await get(late)).status).toBe(200)

  // A certificate that expires: the client must connect again, with its new one.
  const short = await mesh.issue({ uris: [caller], until: new Date(Date.now() + 3000) })
  const expiring = new Http2Session(secured.http2Port, 'shop.example', short)
  await until('the refusal of the expired certificate', async () => (await get(expiring)).status === 403)
  await expiring.closed
  expect(expiring.goaways[0]!.code).toBe(0)
  expect(
    (await get(new Http2Session(secured.http2Port, 'shop.example', await mesh.issue({ uris: [caller] })))).status,
  ).toBe(200)
  expect((await get(known)).status).toBe(200)
})

test('with tls.listen: false only the HTTP/2 listener uses TLS, even after a reload of the certificates', async () => {
  const plain = await startNode({
    policy: publicPolicy({ s: { upstreams: [upstream.url] } }),
    settings: {
      tls: { certificates: [{ cert: shop.certFile, key: { file: shop.keyFile } }], listen: false },
      public_url: 'https://shop.example',
      listen_h2: { address: '127.0.0.1:0', tls: true },
    },
  })
  const read = async () => {
    const session = new Http2Session(plain.http2Port, 'shop.example')
    const secure = await session.get('/s/1', { ':authority': 'shop.example', ':scheme': 'https' })
    const open = await fetch(`http://127.0.0.1:${plain.port}/s/1`)
    return [secure.status, open.status, upstream.requests.at(-1)!.all('x-forwarded-proto')]
  }
  expect(await read()).toEqual([200, 200, ['http']])

  await certificateFor(folder, 'shop', ['shop.example', 'again.example'])
  plain.reload()
  await plain.waitForLine(({ msg }) => msg === 'certificates reloaded')
  expect(await read()).toEqual([200, 200, ['http']])
})
