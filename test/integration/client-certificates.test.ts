import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAssertion } from '../kit/assertion-claims.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { certificateFor } from '../kit/certificate.ts'
import { atEnd } from '../kit/cleanup.ts'
import { ClientCa, type ClientIdentity } from '../kit/client-ca.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { freePort } from '../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { runVerb } from '../kit/run-verb.ts'
import { later } from '../kit/swap.ts'
import { statusOver, TlsClient } from '../kit/tls-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// Client certificates at the TLS listener: trust, bound tokens, callers without a token, and their revocation.
// Attack cases S-083, S-084, S-085.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-client-certificates-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string) => join(folder, name)

/** Replaces a file atomically. */
function write(name: string, text: string): string {
  writeFileSync(file(`${name}.new`), text)
  renameSync(file(`${name}.new`), file(name))
  return file(name)
}

const streams: ServerResponse[] = []
const [issuer, redis, mesh, partner, stranger, server] = await Promise.all([
  startIssuer(),
  testRedis(),
  ClientCa.create('mesh'),
  ClientCa.create('partner'),
  ClientCa.create('stranger'),
  certificateFor(folder, 'server', ['api.example', 'other.example']),
])
const upstream = await startUpstream({
  handler: ({ url }, response) => {
    if (!url.endsWith('/events')) {
      response.end('served')
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: begun\n\n')
    streams.push(response)
  },
})

const orders = 'spiffe://prod.example/orders'
const settings = {
  tls: {
    certificates: [{ cert: server.certFile, key: { file: server.keyFile } }],
    client: {
      ca: [
        { name: 'mesh', file: write('mesh.pem', mesh.cert), trust_domain: 'prod.example' },
        { name: 'partner', file: write('partner.pem', partner.cert) },
      ],
      crl: [write('mesh.crl', await mesh.revocationList([])), write('partner.crl', await partner.revocationList([]))],
    },
  },
  public_url: ['https://api.example', 'https://other.example'],
  redis: { url: `redis://127.0.0.1:${redis.port}` },
  admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } },
}
const spiffe = { certificate: { spiffe: [orders] } }
const policy = {
  version: 1,
  issuers: { main: { issuer: issuer.url, audience: ['https://api.test'] } },
  services: {
    orders: {
      upstreams: [upstream.url],
      routes: [
        { id: 'spiffe', match: { path: '/spiffe/**' }, require: spiffe },
        {
          id: 'san',
          match: { path: '/san/**' },
          require: { certificate: { san: ['B.partner.example'], issuer: 'x509:partner' } },
        },
        { id: 'domain', match: { path: '/domain/**' }, require: { certificate: { issuer: 'spiffe://prod.example' } } },
        { id: 'token', match: { path: '/token/**' }, require: { scopes: { all: ['orders:read'] } } },
        {
          id: 'either',
          match: { path: '/either/**' },
          require: { any: [{ scopes: { all: ['orders:read'] } }, spiffe] },
        },
        { id: 'both', match: { path: '/both/**' }, require: { all: [{ scopes: { all: ['orders:read'] } }, spiffe] } },
        {
          id: 'except',
          match: { path: '/except/**' },
          require: { any: [spiffe, { not: { scopes: { any: ['admin'] } } }] },
        },
        {
          id: 'limited',
          match: { path: '/limited/**' },
          require: { any: [spiffe, { scopes: { all: ['orders:read'] } }] },
          limits: [{ name: 'few', by: 'subject', requests: 2, window: '1h', mode: 'exact' }],
        },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
        { id: 'socket', match: { path: '/socket/**' }, require: spiffe, websocket: {} },
      ],
    },
  },
}
const bootstrap = 'bootstrap-token-of-the-certificate-tests'
const node = await startNode({ policy, settings, env: { BOOTSTRAP: bootstrap } })
const link = await testLink(redisSettingsFor(redis.port))
const port = node.port

const workload = await mesh.issue({ uris: [orders] })
const other = await mesh.issue({ uris: ['spiffe://prod.example/reports'] })
const partnerClient = await partner.issue({ dns: ['a.partner.example', 'b.partner.example'] })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const bound = (thumbprint: string) => issuer.sign({ claims: { cnf: { 'x5t#S256': thumbprint } } })

/**
 * Reads the file of a CA or list again, by SIGHUP. The node also notices changed files by itself, and can read a file
 * that was written before this one alone: only the reading of the signal is known to have read all.
 */
async function reread(name: string, text: string): Promise<void> {
  const seen = node.log.length
  write(name, text)
  node.reload()
  await later(
    node,
    seen,
    ({ msg, trigger }) => trigger === 'reload' && /^client CAs and .*(?:reloaded|unchanged)$/.test(String(msg)),
  )
}

const reasonOf = async (path: string) => (await node.waitForRecord((record) => record['path'] === path))['reason']

test.each<[string, () => ClientIdentity | undefined, string, number | 'refused']>([
  ['S-083: without a certificate', () => undefined, '/token/bound-none', 401],
  ['S-083: with another certificate', () => other, '/token/bound-other', 401],
  ['S-083: with the certificate to which it is bound', () => workload, '/token/bound-own', 200],
])('a request with a certificate-bound token gets the status $3: %s', async (_, identity, path, status) => {
  expect(await statusOver({ port, ...identity() }, path, bearer(bound(workload.thumbprint)))).toBe(status)
  expect(await reasonOf(path)).toBe(status === 200 ? 'admitted' : 'token-binding')
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'S-083: a certificate-bound token is admitted on a resumed TLS session of %s, even under another server name',
  async (maxVersion) => {
    const first = await TlsClient.open({ port, ...workload, maxVersion })
    expect((await first.get('/token/first', bearer(bound(workload.thumbprint)))).status).toBe(200)
    const session = await first.resumable()
    const again = await TlsClient.open({ port, session, maxVersion })

    expect(again.socket.isSessionReused()).toBe(true)
    expect((await again.get('/token/resumed', bearer(bound(workload.thumbprint)))).status).toBe(200)
    expect((await again.get('/token/resumed-other', bearer(bound(other.thumbprint)))).status).toBe(401)
    const elsewhere = await statusOver({ port, session, name: 'other.example', maxVersion }, '/token/elsewhere', {
      host: 'other.example',
      ...bearer(bound(workload.thumbprint)),
    })
    // Whether the session is resumed under another name or not, the request has the same certificate or none.
    expect([200, 401]).toContain(elsewhere)
  },
)

test.each<[string, () => Promise<ClientIdentity>]>([
  ['S-084: of a foreign CA', () => stranger.issue({ uris: [orders] })],
  ['S-084: that has expired', () => mesh.issue({ uris: [orders], until: new Date(Date.now() - 60_000) })],
  ['that is not valid yet', () => mesh.issue({ uris: [orders], from: new Date(Date.now() + 3_600_000) })],
])('the listener refuses the TLS handshake with a client certificate %s, even for a public route', async (_, issue) => {
  expect(await statusOver({ port, ...(await issue()) }, '/public/1')).toBe('refused')
})

test('with client certificates optional, a client without a certificate can use public routes and tokens', async () => {
  expect(await statusOver({ port }, '/public/plain')).toBe(200)
  expect(await statusOver({ port }, '/token/plain', bearer(issuer.sign()))).toBe(200)
})

test('S-084: when a client certificate expires on an open connection, the next request is refused and the connection closes', async () => {
  let client: TlsClient | undefined
  for (let seconds = 3; client === undefined; seconds *= 3) {
    const brief = await mesh.issue({ uris: [orders], until: new Date(Date.now() + seconds * 1000) })
    // A busy machine may need longer for the handshake than the certificate is valid.
    const opened = await TlsClient.open({ port, ...brief }).catch(() => undefined)
    const status = await opened?.get('/spiffe/brief').then(
      (reply) => reply.status,
      () => undefined,
    )
    if (status === 200) client = opened
  }
  await until('the refusal of the expired certificate', async () => (await client.get('/public/brief')).status === 403)
  await client.closed()

  expect(await node.waitForRecord(({ reason }) => reason === 'certificate-expired')).toMatchObject({ status: 403 })
})

test('S-084: when a client certificate is revoked, the next request on its open connection is refused, and so is a request on a resumed TLS session', async () => {
  const leaving = await mesh.issue({ uris: [orders] })
  const client = await TlsClient.open({ port, ...leaving })
  const otherClient = await TlsClient.open({ port, ...workload })
  expect((await client.get('/spiffe/before')).status).toBe(200)
  const session = await client.resumable()
  await reread('mesh.crl', await mesh.revocationList([leaving]))

  expect((await client.get('/public/revoked')).status).toBe(403)
  expect(await reasonOf('/public/revoked')).toBe('certificate-revoked')
  const resumed = await TlsClient.open({ port, session })
  expect(resumed.socket.isSessionReused()).toBe(true)
  expect((await resumed.get('/spiffe/resumed')).status).toBe(403)
  expect((await otherClient.get('/spiffe/other')).status).toBe(200)
})

test.each<[string, string, (identity: ClientIdentity) => Record<string, string>]>([
  ['without a token', '/spiffe/events', () => ({})],
  ['with a token that is bound to it', '/token/events', ({ thumbprint }) => bearer(bound(thumbprint))],
  ['with a token, on a route that requires both', '/both/events', () => bearer(issuer.sign())],
])(
  'a node reads a changed certificate revocation list without a signal, and ends the stream of a revoked certificate %s',
  async (_, path, fields) => {
    const leaving = await mesh.issue({ uris: [orders] })
    const client = await TlsClient.open({ port, ...leaving })
    client.send(path, fields(leaving))
    await client.until('data: begun\n\n')
    write('mesh.crl', await mesh.revocationList([leaving]))

    await client.until('0\r\n\r\n')
    const record = await node.waitForRecord((each) => each['path'] === path && each['reason'] === 'stream-ended')
    expect(record['stream_end']).toBe('certificate-revoked')
  },
)

test('the stream of a caller with a certificate-bound token ends when the certificate expires', async () => {
  const short = await mesh.issue({ uris: [orders], until: new Date(Date.now() + 4000) })
  const client = await TlsClient.open({ port, ...short })
  client.send('/token/expiring/events', bearer(bound(short.thumbprint)))
  await client.until('data: begun\n\n')

  await client.until('0\r\n\r\n')
  const path = '/token/expiring/events'
  const record = await node.waitForRecord((each) => each['path'] === path && each['reason'] === 'stream-ended')
  expect(record['stream_end']).toBe('certificate-expired')
})

test('client certificates of a CA get 503 while the revocation list of the CA is outdated, and are admitted again with a new list', async () => {
  await reread('partner.crl', await partner.revocationList([], { nextUpdate: new Date(Date.now() - 1000) }))

  expect(await statusOver({ port, ...partnerClient }, '/san/outdated')).toBe(503)
  expect(await reasonOf('/san/outdated')).toBe('certificate-status-unknown')
  expect(await statusOver({ port, ...workload }, '/spiffe/meanwhile')).toBe(200)
  await reread('partner.crl', await partner.revocationList([]))
  expect(await statusOver({ port, ...partnerClient }, '/san/updated')).toBe(200)
})

test('an invalid file of tls.client changes nothing, and the log names the problem', async () => {
  const seen = node.log.length
  write('mesh.crl', 'nothing')
  node.reload()
  const line = await later(node, seen, ({ msg }) => String(msg).startsWith('client CAs or revocation lists rejected'))

  expect(line['problem']).toContain('mesh.crl: invalid DER encoding')
  expect(await statusOver({ port, ...workload }, '/spiffe/kept')).toBe(200)
  await reread('mesh.crl', await mesh.revocationList([await mesh.issue()]))
})

test('client certificates of a removed CA are refused on open connections and in new handshakes, and those of an added CA are accepted without a restart', async () => {
  const renewed = await ClientCa.create('partner-2')
  const open = await TlsClient.open({ port, ...partnerClient })
  const kept = await TlsClient.open({ port, ...workload })
  expect((await open.get('/san/old-ca')).status).toBe(200)
  write('partner.crl', (await partner.revocationList([])) + (await renewed.revocationList([])))
  await reread('partner.pem', partner.cert + renewed.cert)
  const newClient = await renewed.issue({ dns: ['b.partner.example'] })
  expect(await statusOver({ port, ...newClient }, '/san/new-ca')).toBe(200)
  expect((await open.get('/san/both-cas')).status).toBe(200)

  write('partner.crl', await renewed.revocationList([]))
  await reread('partner.pem', renewed.cert)
  expect((await open.get('/san/removed-ca')).status).toBe(403)
  expect(await reasonOf('/san/removed-ca')).toBe('certificate-untrusted')
  expect(await statusOver({ port, ...partnerClient }, '/san/1')).toBe('refused')
  expect((await kept.get('/spiffe/kept-open')).status).toBe(200)
  write('partner.crl', await partner.revocationList([]))
  await reread('partner.pem', partner.cert)
})

test.each<[string, () => ClientIdentity | undefined | Promise<ClientIdentity>, string, number, string]>([
  ['with the SPIFFE ID', () => workload, '/spiffe/1', 200, 'admitted'],
  ['with another SPIFFE ID', () => other, '/spiffe/2', 403, 'certificate-not-allowed'],
  ['with another SPIFFE ID of the trust domain', () => other, '/domain/1', 200, 'admitted'],
  ['with a DNS name of the named CA', () => partnerClient, '/san/1', 200, 'admitted'],
  [
    'S-085: with the SPIFFE ID from a CA of another name',
    () => partner.issue({ uris: [orders] }),
    '/spiffe/3',
    403,
    'certificate-not-allowed',
  ],
  [
    'S-085: with the DNS name from another CA',
    () => mesh.issue({ dns: ['b.partner.example'] }),
    '/san/2',
    403,
    'certificate-not-allowed',
  ],
  [
    'S-085: with the DNS name as common name only',
    () => partner.issue({ commonName: 'b.partner.example' }),
    '/san/3',
    403,
    'certificate-not-allowed',
  ],
  [
    'S-085: with two URIs',
    () => mesh.issue({ uris: [orders, `${orders}2`] }),
    '/spiffe/4',
    403,
    'certificate-not-allowed',
  ],
  [
    'S-085: with a percent-encoded SPIFFE ID',
    () => mesh.issue({ uris: ['spiffe://prod.example/a%2fb'] }),
    '/domain/2',
    403,
    'certificate-not-allowed',
  ],
  ['without a certificate', () => undefined, '/spiffe/5', 401, 'credential-missing'],
  [
    'with a certificate on a route that requires a token',
    () => workload,
    '/token/certificate',
    401,
    'credential-missing',
  ],
  ['with the certificate on a route that admits tokens too', () => workload, '/either/1', 200, 'admitted'],
  ['with a certificate that only `not` would admit', () => other, '/except/1', 403, 'certificate-not-allowed'],
  ['with a certificate on a route that requires a token too', () => workload, '/both/1', 401, 'credential-missing'],
])('a caller without a token gets the status $3 with the reason $4: %s', async (_, identity, path, status, reason) => {
  expect(await statusOver({ port, ...(await identity()) }, path)).toBe(status)
  expect(await reasonOf(path)).toBe(reason)
})

test('for a request with a token and a client certificate, the token identifies the caller, and the certificate meets the certificate requirement', async () => {
  expect(await statusOver({ port, ...workload }, '/both/token', bearer(issuer.sign()))).toBe(200)
  expect(await statusOver({ port, ...other }, '/both/other', bearer(issuer.sign()))).toBe(403)
  expect(await statusOver({ port }, '/both/none', bearer(issuer.sign()))).toBe(403)

  expect(await node.waitForRecord(({ path }) => path === '/both/token')).toMatchObject({ issuer: 'main' })
})

test('the service, the access log and the audit log contain the identity of a caller with a client certificate', async () => {
  expect(await statusOver({ port, ...workload }, '/spiffe/identity')).toBe(200)
  const request = upstream.requests.find(({ url }) => url === '/spiffe/identity')!

  expect(readAssertion(request)).toMatchObject({ sub: orders, token_issuer: 'spiffe://prod.example', scope: '' })
  expect(request.all('authorization')).toEqual([])
  expect(await node.waitForRecord(({ path }) => path === '/spiffe/identity')).toMatchObject({
    issuer: 'spiffe://prod.example',
    subject: orders,
  })
  const wanted = (record: { readonly 'url.path'?: unknown }) => record['url.path'] === '/spiffe/identity'
  const record = (await auditRecords(link, wanted)).find(wanted)
  expect(record).toMatchObject({
    'user.id': orders,
    'gatehouse.issuer': 'spiffe://prod.example',
    'tls.client.hash.sha256': Buffer.from(workload.thumbprint, 'base64url').toString('hex').toUpperCase(),
  })
})

test('a rate limit by subject counts the client certificates of one subject together, and a token with the same subject separately', async () => {
  const renewed = await mesh.issue({ uris: [orders] })
  const statuses = [
    await statusOver({ port, ...workload }, '/limited/1'),
    await statusOver({ port, ...renewed }, '/limited/2'),
    await statusOver({ port, ...workload }, '/limited/3'),
    await statusOver({ port }, '/limited/4', bearer(issuer.sign({ claims: { sub: orders } }))),
  ]

  expect(statuses).toEqual([200, 200, 429, 200])
})

test('`gatehouse revoke` of the subject of a client certificate ends the requests and streams of this certificate; certificates issued later and tokens of the subject stay valid', async () => {
  const subject = 'spiffe://prod.example/leaving'
  const client = await TlsClient.open({ port, ...(await mesh.issue({ uris: [subject] })) })
  const stream = await TlsClient.open({ port, ...(await mesh.issue({ uris: [subject] })) })
  stream.send('/domain/events')
  await stream.until('data: begun\n\n')
  expect((await client.get('/domain/before')).status).toBe(200)
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }

  const unnamed = await runVerb(['revoke', '--subject', subject], env)
  expect(unnamed.exitCode).toBe(1)
  expect(unnamed.stderr).toContain('name spiffe://prod.example')
  const order = ['revoke', '--subject', subject, '--issuer', 'spiffe://prod.example', '--wait=all']
  expect((await runVerb(order, env)).exitCode).toBe(0)
  await stream.until('0\r\n\r\n')
  expect((await client.get('/domain/after')).status).toBe(401)
  expect(await reasonOf('/domain/after')).toBe('token-revoked')
  const laterOne = await mesh.issue({ uris: [subject], from: new Date(Date.now() + 2000) })
  await until('the later certificate', async () => (await statusOver({ port, ...laterOne }, '/domain/later')) === 200)
  expect(await statusOver({ port }, '/token/same', bearer(issuer.sign({ claims: { sub: subject } })))).toBe(200)
})

test.each<[string, () => ClientIdentity | Promise<ClientIdentity>, number, string, string]>([
  ['of the SPIFFE ID', () => workload, 0, 'admitted', 'client certificate spiffe'],
  ['of another SPIFFE ID', () => other, 1, 'certificate-not-allowed', 'client certificate spiffe'],
  ['of a foreign CA', () => stranger.issue({ uris: [orders] }), 1, 'certificate-untrusted', ''],
])(
  '`gatehouse explain` with a client certificate %s reports the decision that the node makes',
  async (_, identity, exitCode, reason, text) => {
    const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
    const path = write('explained.pem', (await identity()).cert)
    const words = ['explain', 'GET', '/spiffe/explained', '--certificate', path]
    const explained = await runVerb(words, env)

    expect(explained.exitCode).toBe(exitCode)
    expect(explained.stdout).toContain(reason)
    expect(explained.stdout).toContain(text)
  },
)

test('`gatehouse explain` with a file that is no certificate exits with an error that names the certificate', async () => {
  const env = { GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${node.adminPort}`, GATEHOUSE_ADMIN_TOKEN: bootstrap }
  const explained = await runVerb(['explain', 'GET', '/', '--certificate', write('no.pem', 'nothing')], env)

  expect(explained.exitCode).toBe(1)
  expect(explained.stderr).toContain('the client certificate must be in PEM')
})

const h2Port = freePort()
const strict = await startNode({
  policy,
  settings: {
    ...settings,
    redis: undefined,
    admin: { listen: '127.0.0.1:0' },
    tls: { ...settings.tls, client: { ...settings.tls.client, crl: [], mode: 'required' } },
    proxies: ['127.0.0.9'],
    client_certificate: 'nginx-escaped',
    listen_h2: { address: `127.0.0.1:${h2Port}`, tls: true },
  },
})

test.each(['/public/1', '/spiffe/1', '/.well-known/gatehouse/jwks.json', '/nowhere'])(
  'with tls.client.mode: required, a request for %s on a connection without a certificate is rejected with 403, and the connection closes',
  async (path) => {
    const client = await TlsClient.open({ port: strict.port })
    const { status, head, body } = await client.get(path, bearer(issuer.sign()))

    expect({ status, code: JSON.parse(body).code }).toEqual({ status: 403, code: 'certificate_required' })
    expect(head.toLowerCase()).toContain('connection: close')
    await client.closed()
  },
)

test('with tls.client.mode: required, a client with a certificate can use public routes and the paths of the gate', async () => {
  expect(await statusOver({ port: strict.port, ...other }, '/public/required')).toBe(200)
  expect(await statusOver({ port: strict.port, ...other }, '/.well-known/gatehouse/jwks.json')).toBe(200)
})

test.each<[string, ClientIdentity | undefined, ClientIdentity | undefined, number]>([
  ['states no certificate', workload, undefined, 401],
  ['states the certificate of a caller who is admitted', other, workload, 200],
  ['states the certificate of a caller who is not admitted', workload, other, 403],
  ['has no certificate', undefined, workload, 403],
])(
  'the gate does not use the client certificate that a listed proxy presents itself to identify the clients of the proxy: the proxy %s',
  async (_, own, stated, status) => {
    const fields: Record<string, string> = { 'x-forwarded-for': '192.0.2.7' }
    if (stated !== undefined) fields['ssl-client-cert'] = encodeURIComponent(stated.cert)

    expect(await statusOver({ port: strict.port, ...own, localAddress: '127.0.0.9' }, '/spiffe/proxied', fields)).toBe(
      status,
    )
  },
)

/** Sends one request over HTTP/2. @returns the status, or `refused` */
function statusOverHttp2(identity: ClientIdentity | undefined, path: string): Promise<number | 'refused'> {
  return new Promise((resolve) => {
    const { cert, key } = identity ?? {}
    const session = connectHttp2(`https://127.0.0.1:${h2Port}`, {
      servername: 'api.example',
      rejectUnauthorized: false,
      ...(cert !== undefined && { cert, key }),
    })
    atEnd(() => session.destroy())
    session.on('error', () => resolve('refused')).on('close', () => resolve('refused'))
    const stream = session.request({ ':path': path, ':authority': 'api.example' })
    stream.on('error', () => {}).on('response', (head) => resolve(head[':status']!))
    stream.resume()
  })
}

test.each<[string, () => ClientIdentity | undefined | Promise<ClientIdentity>, string, number | 'refused']>([
  ['no certificate', () => undefined, '/public/h2', 403],
  ['the certificate of a caller who is admitted', () => workload, '/spiffe/h2', 200],
  ['the certificate of another caller', () => other, '/spiffe/h2', 403],
  ['a certificate of a foreign CA', () => stranger.issue({ uris: [orders] }), '/public/h2', 'refused'],
])('over HTTP/2 a client with %s gets the same decision as over HTTP/1.1', async (_, identity, path, status) => {
  expect(await statusOverHttp2(await identity(), path)).toBe(status)
})

test.each<[string, ClientIdentity | undefined, string]>([
  ['the certificate that the route requires', workload, '200'],
  ['another certificate', other, '403'],
])('a WebSocket handshake with %s is decided by the client certificate', async (_, identity, status) => {
  const client = await TlsClient.open({ port: strict.port, ...identity })
  client.send('/socket/1', {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  })

  // The service of this test accepts no WebSockets: the client gets its reply to an admitted handshake.
  expect((await client.until('\r\n\r\n')).slice(9, 12)).toBe(status)
})

test.each<[string, object, string]>([
  ['a missing CA file', { ca: [{ name: 'a', file: file('none.pem') }] }, 'none.pem cannot be read (ENOENT)'],
  ['a CA file without a certificate', { ca: [{ name: 'a', file: server.keyFile }] }, 'contains no certificate in PEM'],
  [
    'a revocation list of another CA',
    { ca: [{ name: 'a', file: file('mesh.pem') }], crl: [write('stranger.crl', await stranger.revocationList([]))] },
    'stranger.crl is not signed by a CA of tls.client.ca',
  ],
  [
    'two CAs of one name',
    { ca: ['mesh.pem', 'partner.pem'].map((each) => ({ name: 'a', file: file(each) })) },
    'duplicate CA name a',
  ],
])('a node with %s in tls.client does not start, and names the file or setting', async (_, client, message) => {
  const tls = { ...settings.tls, client }

  await expect(startNode({ policy, settings: { ...settings, tls } })).rejects.toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(message),
  })
})

test.each<[string, object, string]>([
  [
    'mode: required behind a proxy',
    {
      tls: { client: { ...settings.tls.client, mode: 'required' } },
      client_certificate: 'client-cert',
      proxies: ['192.0.2.1'],
    },
    'tls.certificates: is required',
  ],
  ['tls without certificates and client', { tls: {} }, 'tls.certificates: is required'],
  [
    'client_certificate without proxies',
    { client_certificate: 'client-cert' },
    'proxies: is required with client_certificate',
  ],
])('a node with the client certificate settings "%s" does not start', async (_, more, message) => {
  await expect(startNode({ policy, settings: { ...settings, ...more } })).rejects.toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining(message),
  })
})
