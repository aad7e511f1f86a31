import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { certificateFor, type TestCertificate } from '../kit/certificate.ts'
import { startNode, startNodeProcess } from '../kit/node.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// The TLS listener selects certificates by server name, and follows changed files and SIGHUP. Attack case S-030.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let upstream: TestUpstream
let node: TestNode
let api: TestCertificate
let shop: TestCertificate

const policy = () => `
version: 1
services:
  open:
    upstreams: ["${upstream.url}"]
    credentials: none
    routes: [{ id: open, match: { path: /open/** }, require: public }]
`

const settings = (certificates: readonly TestCertificate[]) => ({
  tls: { certificates: certificates.map(({ certFile, keyFile }) => ({ cert: certFile, key: { file: keyFile } })) },
  public_url: 'https://api.example',
})

beforeAll(async () => {
  upstream = await startUpstream()
  api = await certificateFor(folder, 'api', ['api.example', '*.api.example'])
  shop = await certificateFor(folder, 'shop', ['shop.example'])
  node = await startNode({ policy: policy(), settings: settings([api, shop]) })
})

interface TlsRequest {
  readonly servername?: string
  readonly host: string
  readonly ca: string
}

function get({
  servername,
  host,
  ca,
}: TlsRequest): Promise<{ status: number; body: string; names: string | undefined }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: node.port,
      path: '/open/1',
      agent: false,
      ca,
      servername: servername ?? '',
    }
    const sent = request({ ...options, headers: { host }, checkServerIdentity: () => undefined }, (response) => {
      const names = (response.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, body, names }))
    })
    sent.on('error', reject).end()
  })
}

test.each([
  ['api.example', 'DNS:api.example'],
  ['eu.api.example', 'DNS:api.example'],
  ['shop.example', 'DNS:shop.example'],
])('a TLS client with the server name %s gets the certificate of %s', async (servername, names) => {
  const ca = servername === 'shop.example' ? shop.cert : api.cert
  const reply = await get({ servername, host: servername, ca })

  expect(reply.status).toBe(200)
  expect(reply.names).toContain(names)
})

test('a service behind the TLS listener receives the forwarded scheme https', async () => {
  await get({ servername: 'api.example', host: 'api.example', ca: api.cert })

  const last = upstream.requests.at(-1)!
  expect(last.all('x-forwarded-proto')).toEqual(['https'])
  expect(last.all('forwarded')[0]).toContain('proto=https')
})

test.each([
  ['S-030: a Host that the certificate does not cover gets 421', 'api.example', 'shop.example', 421],
  [
    'S-030: a Host with two labels in place of the wildcard of the certificate gets 421',
    'eu.api.example',
    'a.b.api.example',
    421,
  ],
  ['a Host with another name of the same certificate gets 200', 'api.example', 'eu.api.example', 200],
  [
    'a client without server name gets the first certificate, and any Host gets 200',
    undefined,
    'whatever.example',
    200,
  ],
] as const)(
  'the TLS listener admits a request only for a Host that the certificate of its connection covers: %s',
  async (_, servername, host, status) => {
    const seen = upstream.requests.length
    const reply = await get({ ...(servername !== undefined && { servername }), host, ca: api.cert })

    expect(reply.status).toBe(status)
    expect(upstream.requests.length - seen).toBe(status === 200 ? 1 : 0)
  },
)

test('a node activates a new TLS certificate on SIGHUP, and still serves open connections', async () => {
  const open = connect({
    host: '127.0.0.1',
    port: node.port,
    servername: 'shop.example',
    ca: shop.cert,
    checkServerIdentity: () => undefined,
  })
  await new Promise((resolve) => open.once('secureConnect', resolve))
  const replaced = await certificateFor(folder, 'shop', ['shop.example', 'store.example'])

  node.reload()
  await node.waitForLine((line) => line['msg'] === 'certificates reloaded')

  const fresh = await get({ servername: 'store.example', host: 'store.example', ca: replaced.cert })
  open.write('GET /open/1 HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n')
  const kept = await new Promise<string>((resolve) => open.once('data', (bytes) => resolve(bytes.toString())))
  open.destroy()
  expect(fresh.status).toBe(200)
  expect(kept).toMatch(/^HTTP\/1\.1 200 /)
})

test('a node activates a TLS certificate whose files changed, without a signal', async () => {
  const replaced = await certificateFor(folder, 'shop', ['shop.example', 'mart.example'])
  await node.waitForLine(({ msg, names }) => msg === 'certificates reloaded' && String(names).includes('mart.example'))

  const { status } = await get({ servername: 'mart.example', host: 'mart.example', ca: replaced.cert })
  expect(status).toBe(200)
})

test('a node keeps its TLS certificate while a changed file does not match its key, and logs the problem', async () => {
  const inForce = readFileSync(shop.certFile, 'utf8')
  const other = await certificateFor(folder, 'other', ['shop.example', 'depot.example'])
  copyFileSync(other.certFile, shop.certFile)
  const line = await node.waitForLine(({ msg }) => String(msg).startsWith('certificates rejected'))
  const kept = await get({ servername: 'mart.example', host: 'mart.example', ca: inForce })

  expect(line).toMatchObject({ level: 'error', trigger: 'watch' })
  expect(line['problem']).toContain('does not match certificate')
  expect(kept.status).toBe(200)

  copyFileSync(other.keyFile, shop.keyFile)
  await node.waitForLine(({ msg, names }) => msg === 'certificates reloaded' && String(names).includes('depot.example'))
  const { status } = await get({ servername: 'depot.example', host: 'depot.example', ca: other.cert })
  expect(status).toBe(200)
})

test('a node logs an error on SIGHUP with a TLS certificate that does not match its key', async () => {
  const { certFile } = await certificateFor(folder, 'other', ['shop.example'])
  copyFileSync(certFile, shop.certFile)

  node.reload()
  const line = await node.waitForLine((one) => String(one['msg']).startsWith('settings rejected'))

  expect(JSON.stringify(line)).toContain('does not match certificate')
  expect(JSON.stringify(line)).not.toContain('PRIVATE KEY')
})

test('SIGHUP does not prevent a stopping node from exiting with 0', async () => {
  const certificate = await certificateFor(folder, 'stopping', ['api.example'])
  const stopping = await startNodeProcess({
    policy: policy(),
    settings: { ...settings([certificate]), drain_delay: '1s' },
  })

  stopping.signal('SIGTERM')
  await stopping.waitForLine((line) => line['msg'] === 'node stops and waits for running exchanges')
  stopping.reload()
  await sleep(1150)
  stopping.reload()

  expect(await stopping.ended()).toBe(0)
})

test.each([['proxy_protocol and tls', { proxies: ['192.0.2.1'], proxy_protocol: 'required' }, 'must be off with tls']])(
  'a node with %s does not start and exits with code 1',
  async (_, more, message) => {
    await expect(startNode({ policy: policy(), settings: { ...settings([api]), ...more } })).rejects.toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(message),
    })
  },
)

test.each([
  ['a missing certificate file', { cert: 'nowhere.crt', key: { file: 'nowhere.key' } }, 'cannot be read'],
  ['a key of another certificate', { cert: 'api.crt', key: { file: 'shop.key' } }, 'does not match certificate'],
  ['a certificate instead of the key', { cert: 'api.crt', key: { file: 'api.crt' } }, 'is not a private key'],
])('a node with %s does not start and exits with code 1', async (_, certificate, message) => {
  const at = (file: string) => join(folder, file)
  const tls = { certificates: [{ cert: at(certificate.cert), key: { file: at(certificate.key.file) } }] }

  await expect(
    startNode({ policy: policy(), settings: { tls, public_url: 'https://api.example' } }),
  ).rejects.toMatchObject({ exitCode: 1, stderr: expect.stringContaining(message) })
})
