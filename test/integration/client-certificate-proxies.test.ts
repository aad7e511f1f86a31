import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { haproxy, nginx } from '../../deploy/server-program.mjs'
import { boundClient, startBoundTokenProvider } from '../kit/bound-token-provider.ts'
import { certificateFor } from '../kit/certificate.ts'
import { atEnd } from '../kit/cleanup.ts'
import { ClientCa } from '../kit/client-ca.ts'
import { TestEnvoy } from '../kit/envoy.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { startProgram } from '../kit/server-program.ts'
import { statusOver } from '../kit/tls-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// Client certificates that a proxy states: nginx, HAProxy (RFC 9440), and the field of Envoy. Tokens that a real issuer
// (oidc-provider) has bound to a certificate (RFC 8705). Attack cases S-043, S-083.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-certificate-proxies-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

const [upstream, root, stranger, server] = await Promise.all([
  startUpstream({ handler: (_, response) => void response.end('served') }),
  ClientCa.create('root'),
  ClientCa.create('stranger'),
  certificateFor(folder, 'server', ['api.example']),
])
const issuing = await ClientCa.create('issuing', { parent: root })
const provider = await startBoundTokenProvider({ cert: server.cert, key: readFileSync(server.keyFile, 'utf8') })
const id = 'spiffe://prod.example/orders'
const [workload, other, below, foreign] = await Promise.all([
  root.issue({ uris: [id] }),
  root.issue({ uris: ['spiffe://prod.example/reports'] }),
  issuing.issue({ uris: [id] }),
  stranger.issue({ uris: [id] }),
])
const rootFile = write('root.pem', root.cert)

const policy = {
  version: 1,
  issuers: {
    main: {
      issuer: provider.url,
      audience: ['https://api.test'],
      tokens: 'any',
      introspection: { client_id: boundClient.id, client_secret: { env: 'SECRET' } },
    },
  },
  services: {
    orders: {
      upstreams: [upstream.url],
      routes: [
        { id: 'caller', match: { path: '/caller/**' }, require: { certificate: { spiffe: [id] } } },
        { id: 'token', match: { path: '/token/**' }, require: { scopes: { all: ['orders:read'] } } },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
      ],
    },
  },
}
const start = (field: string) =>
  startNode({
    policy,
    env: { SECRET: boundClient.secret },
    settings: {
      proxies: ['127.0.0.1'],
      check: { peers: ['127.0.0.1'] },
      listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true },
      client_certificate: field,
      tls: { client: { ca: [{ name: 'mesh', file: rootFile, trust_domain: 'prod.example' }] } },
      public_url: 'https://api.example',
    },
  })
const [escaped, rfc9440, envoy] = await Promise.all(
  ['nginx-escaped', 'client-cert', 'x-forwarded-client-cert'].map(start),
)

async function startFrontNginx(): Promise<number> {
  const port = freePort()
  const { command, env } = nginx.find()
  const config = (at: string) => `
events {}
pid ${join(at, 'nginx.pid')};
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${join(at, kind)};`).join('\n')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${server.certFile};
    ssl_certificate_key ${server.keyFile};
    ssl_client_certificate ${rootFile};
    ssl_verify_client optional;
    location / {
      proxy_pass http://127.0.0.1:${escaped!.port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header SSL-Client-Cert $ssl_client_escaped_cert;
    }
  }
}
`
  const words = ['-p', '.', '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off;']
  await startProgram({ command, words, env, config: ['nginx.conf', config], port })
  return port
}

async function startFrontHaproxy(): Promise<number> {
  const port = freePort()
  const { command, env } = haproxy.find()
  const pem = write('server.pem', `${server.cert}\n${readFileSync(server.keyFile, 'utf8')}`)
  const config = () => `
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:${port} ssl crt ${pem} ca-file ${rootFile} verify optional
  http-request del-header Client-Cert -m beg
  http-request set-header Client-Cert ":%[ssl_c_der,base64]:" if { ssl_c_used }
  http-request set-header X-Forwarded-For %[src]
  default_backend gate
backend gate
  server gate 127.0.0.1:${rfc9440!.port}
`
  await startProgram({ command, words: ['-db', '-f', 'haproxy.cfg'], env, config: ['haproxy.cfg', config], port })
  return port
}

const [nginxPort, haproxyPort] = await Promise.all([startFrontNginx(), startFrontHaproxy()])
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const fronts = [
  { name: 'nginx', port: nginxPort, node: escaped!, forged: 'ssl-client-cert' },
  { name: 'HAProxy', port: haproxyPort, node: rfc9440!, forged: 'client-cert' },
]

test.each(fronts)(
  'behind $name a caller is identified by its client certificate, and not by a certificate field that the caller sends',
  async (front) => {
    const { port, node, forged } = front
    const value = forged === 'client-cert' ? byteSequence(workload.der) : encodeURIComponent(workload.cert)
    const path = `/caller/${forged}`

    expect(await statusOver({ port, ...workload }, path)).toBe(200)
    expect(await node.waitForRecord((record) => record['path'] === path)).toMatchObject({
      issuer: 'spiffe://prod.example',
      subject: id,
    })
    expect(await statusOver({ port, ...other }, '/caller/other')).toBe(403)
    expect(await statusOver({ port }, '/caller/none')).toBe(401)
    expect(await statusOver({ port }, '/caller/forged', { [forged]: value })).toBe(401)
    expect(await statusOver({ port, ...other }, '/caller/forged-other', { [forged]: value })).toBe(403)
  },
)

test.each(fronts.flatMap((front) => (['jwt', 'opaque'] as const).map((form) => ({ ...front, form }))))(
  'S-083: behind $name a $form token of oidc-provider is admitted only with the certificate to which it is bound',
  async ({ port, form }) => {
    const token = await provider.token(workload, form)

    expect(await statusOver({ port, ...workload }, '/token/own', bearer(token))).toBe(200)
    expect(await statusOver({ port, ...other }, '/token/other', bearer(token))).toBe(401)
    expect(await statusOver({ port }, '/token/none', bearer(token))).toBe(401)
  },
)

test.each(fronts)(
  'behind $name the service does not receive a certificate that the gate has not accepted',
  async (front) => {
    const { port, node } = front
    await statusOver({ port, ...workload }, `/public/${node.port}`)
    const request = upstream.requests.find(({ url }) => url === `/public/${node.port}`)!

    expect(request.all('ssl-client-cert')).toEqual([])
    expect(request.all('client-cert')).toEqual(node === rfc9440 ? [byteSequence(workload.der)] : [])
  },
)

function byteSequence(der: Buffer): string {
  return `:${der.toString('base64')}:`
}

/** Sends a request as a proxy does. @param from  address of the proxy */
function ask(port: number, path: string, fields: Readonly<Record<string, string | string[]>>, from = '127.0.0.1') {
  return new Promise<number>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, localAddress: from, headers: { host: 'api.example', ...fields } }
    httpRequest(options, (reply) => resolve(reply.resume().statusCode!))
      .on('error', reject)
      .end()
  })
}

const cert = (pem: string) => `Cert="${encodeURIComponent(pem)}"`
const rest = `By=spiffe://prod.example/gate;Hash=${'0'.repeat(64)};Subject="CN=\\"a, b\\";O=x"`

test.each<[string, string, number]>([
  ['a certificate', `${rest};${cert(workload.cert)};URI=${id};DNS=a.example`, 200],
  ['another certificate, whose URI the element states wrongly', `${rest};${cert(other.cert)};URI=${id}`, 403],
  ['the certificate of the client before the nearest proxy', `${cert(workload.cert)},${cert(other.cert)}`, 403],
  ['the certificate of the nearest proxy last', `${cert(other.cert)},${rest};${cert(workload.cert)}`, 200],
  ['a chain', `${cert(below.cert)};Chain="${encodeURIComponent(below.cert + issuing.cert)}"`, 200],
  ['no chain for an intermediate CA', cert(below.cert), 403],
  [
    'a chain with the key of a stranger',
    `${cert(foreign.cert)};Chain="${encodeURIComponent(foreign.cert + issuing.cert)}"`,
    403,
  ],
  ['a certificate of a foreign CA', cert(foreign.cert), 403],
  ['no certificate, only its hash and URI', `Hash=${'0'.repeat(64)};URI=${id}`, 400],
  ['two certificates', `${cert(other.cert)};${cert(workload.cert)}`, 400],
  ['an open quote', `Subject="CN=a;${cert(workload.cert)}`, 400],
  ['an empty element last', `${cert(workload.cert)},`, 400],
])(
  'a request with X-Forwarded-Client-Cert with %s from a listed proxy gets the status $2',
  async (_, value, status) => {
    expect(await ask(envoy!.port, '/caller/envoy', { 'x-forwarded-client-cert': value })).toBe(status)
  },
)

test.each<[string, number, Record<string, string | string[]>, number]>([
  [
    'the chain in Client-Cert-Chain',
    rfc9440!.port,
    { 'client-cert': byteSequence(below.der), 'client-cert-chain': chainOf(issuing.cert) },
    200,
  ],
  [
    'S-043: two certificates',
    rfc9440!.port,
    { 'client-cert': [byteSequence(workload.der), byteSequence(other.der)] },
    400,
  ],
  ['S-043: bad base64', rfc9440!.port, { 'client-cert': ':AAA:' }, 400],
  ['a chain without a certificate', rfc9440!.port, { 'client-cert-chain': chainOf(issuing.cert) }, 400],
  ['bytes that are no certificate', rfc9440!.port, { 'client-cert': ':AAAA:' }, 400],
  [
    'an escaped certificate twice',
    escaped!.port,
    { 'ssl-client-cert': [encodeURIComponent(workload.cert), encodeURIComponent(other.cert)] },
    400,
  ],
  ['a bad escape', escaped!.port, { 'ssl-client-cert': '%ZZ' }, 400],
  ['an empty escaped certificate', escaped!.port, { 'ssl-client-cert': '' }, 401],
  [
    'a certificate in a field that is not configured',
    escaped!.port,
    { 'client-cert': byteSequence(workload.der) },
    401,
  ],
  ['a certificate under an alias', escaped!.port, { ssl_client_cert: encodeURIComponent(workload.cert) }, 401],
])(
  'a request for which a listed proxy states the client certificate "%s" gets the status $3',
  async (_, port, fields, status) => {
    expect(await ask(port, '/caller/stated', fields)).toBe(status)
  },
)

test('S-083: the gate ignores and removes the client certificate field of an unlisted peer', async () => {
  const fields = { 'ssl-client-cert': encodeURIComponent(workload.cert) }
  const token = await provider.token(workload, 'jwt')

  expect(await ask(escaped!.port, '/caller/unlisted', fields, '127.0.0.9')).toBe(401)
  expect(await ask(escaped!.port, '/token/unlisted', { ...fields, ...bearer(token) }, '127.0.0.9')).toBe(401)
  expect(await ask(escaped!.port, '/public/unlisted', fields, '127.0.0.9')).toBe(200)
  const request = upstream.requests.find(({ url }) => url === '/public/unlisted')!
  expect(request.all('ssl-client-cert')).toEqual([])
})

test.each<[string, Record<string, string>, number]>([
  ['the certificate of a caller who is admitted', { 'ssl-client-cert': encodeURIComponent(workload.cert) }, 200],
  ['the certificate of another caller', { 'ssl-client-cert': encodeURIComponent(other.cert) }, 403],
  ['no certificate', {}, 401],
  ['an identity in another field', { 'ssl-client-subject-dn': 'CN=orders' }, 400],
])(
  'a forward-auth check in which the proxy states %s is decided by the stated client certificate',
  async (_, fields, status) => {
    const stated = {
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/caller/check',
      'x-forwarded-host': 'api.example',
    }

    expect(await ask(escaped!.port, '/.gatehouse/check', { ...stated, ...fields })).toBe(status)
  },
)

test('the resource metadata of a gate with client certificates says that certificate-bound tokens are supported', async () => {
  const reply = await fetch(`http://127.0.0.1:${rfc9440!.port}/.well-known/oauth-protected-resource`)

  expect(await reply.json()).toMatchObject({ tls_client_certificate_bound_access_tokens: true })
})

function chainOf(pem: string): string {
  return `:${pem.replace(/-----[^-]+-----|\s/g, '')}:`
}

test.each([
  ['client-cert', rfc9440!],
  ['nginx-escaped', escaped!],
])(
  'a client of Envoy is identified by the certificate in the ext_authz message, with client_certificate: %s',
  async (name, node) => {
    const gate = new TestEnvoy(node.http2Port, { raw: true })
    const verdict = (certificate: string | undefined, fields: [string, string][] = []) =>
      gate.check({
        path: '/caller/envoy',
        host: 'api.example',
        fields,
        ...(certificate !== undefined && { certificate }),
      })
    const forged: [string, string] =
      name === 'client-cert'
        ? [name, byteSequence(workload.der)]
        : ['ssl-client-cert', encodeURIComponent(workload.cert)]

    expect((await verdict(workload.cert)).status).toBe(200)
    expect((await verdict(other.cert)).status).toBe(403)
    expect((await verdict(foreign.cert)).admitted).toBe(false)
    expect((await verdict(undefined)).status).toBe(401)
    expect((await verdict(undefined, [forged])).admitted).toBe(false)
    expect((await verdict(other.cert, [forged])).admitted).toBe(false)
  },
)

test('a client of Envoy is identified by X-Forwarded-Client-Cert, with client_certificate: x-forwarded-client-cert', async () => {
  const gate = new TestEnvoy(envoy!.http2Port, { raw: true })
  const verdict = (fields: [string, string][]) => gate.check({ path: '/caller/envoy', host: 'api.example', fields })

  expect((await verdict([['x-forwarded-client-cert', `${cert(workload.cert)};${rest}`]])).status).toBe(200)
  expect((await verdict([['x-forwarded-client-cert', `${cert(other.cert)};${rest}`]])).status).toBe(403)
  expect((await verdict([])).status).toBe(401)
})
