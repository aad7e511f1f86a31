import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CertificateAuthority, type IssuedCertificate } from '../kit/certificate-authority.ts'
import { atEnd } from '../kit/cleanup.ts'
import { ClientCa } from '../kit/client-ca.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { listen } from '../kit/ports.ts'
import { runVerb } from '../kit/run-verb.ts'

// Expiry of certificates: the verb, the admin API, the status, the metric and the log show the same.

const dayMs = 24 * 60 * 60 * 1000
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-expiry-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const inDays = (days: number) => new Date(Math.floor((Date.now() + days * dayMs) / 1000) * 1000)
const ends = {
  listener: inDays(90.5),
  client: inDays(20.5),
  upstream: inDays(3.5),
  authority: inDays(60.5),
  mesh: inDays(80.5),
  list: inDays(2.5),
  secret: inDays(70.5),
}
const authority = await CertificateAuthority.create('services', ends.authority)
const issue = (name: string, until: Date) => authority.issue({ names: [name], until })

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

function writePair(name: string, { cert, key }: IssuedCertificate) {
  return { cert: write(`${name}.crt`, cert), key: { file: write(`${name}.key`, key) } }
}

const served = createServer(await issue('localhost', ends.upstream), (_, response) => response.end('served'))
atEnd(() => served.closeAllConnections())
const upstream = `https://localhost:${await listen(served)}`
const listener = writePair('listener', await issue('api.example', ends.listener))
const client = writePair('client', await issue('gate', ends.client))

const mesh = await ClientCa.create('callers', { until: ends.mesh })
const meshFile = write('mesh.pem', mesh.cert)
const listFile = write('mesh.crl', await mesh.revocationList([], { nextUpdate: ends.list }))

const bootstrap = 'bootstrap-token-of-the-expiry-tests-0001'
const node = await startNode({
  policy: {
    version: 1,
    services: {
      orders: {
        upstreams: [upstream],
        credentials: 'none',
        upstream_tls: { ca: write('ca.pem', authority.cert), certificate: client.cert, key: client.key },
        routes: [{ id: 'orders', match: { path: '/**' }, require: 'public' }],
      },
    },
  },
  settings: {
    node: { id: 'node-e' },
    tls: { certificates: [listener], client: { ca: [{ name: 'mesh', file: meshFile }], crl: [listFile] } },
    public_url: 'https://api.example',
    admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP', expires: ends.secret.toISOString() } },
  },
  env: { BOOTSTRAP: bootstrap },
})

const url = `http://127.0.0.1:${node.adminPort}`
const env = { GATEHOUSE_ADMIN_URL: url, GATEHOUSE_ADMIN_TOKEN: bootstrap }
const get = async (path: string) => {
  const reply = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${bootstrap}` } })
  return (await reply.json()) as { readonly node: string; readonly expiries: readonly object[] }
}

const entry = (kind: string, name: string, expires: Date, routine = false) => {
  return { kind, name, expires_at: expires.toISOString(), routine }
}
const list = entry('revocation-list', listFile, ends.list, true)
const configured = [
  entry('client-certificate', 'orders', ends.client),
  entry('upstream-ca', 'orders CN=services', ends.authority),
  entry('secret', 'admin.bootstrap_token', ends.secret),
  entry('client-ca', 'mesh CN=callers', ends.mesh),
  entry('certificate', 'api.example', ends.listener),
]
const seen = entry('upstream-certificate', `orders ${upstream}`, ends.upstream)

test('before a handshake with the upstream, `gatehouse expiry` lists the configured certificates, and reports that none of them expires within 7 days', async () => {
  expect(await get('/api/v1/expiries')).toEqual({ node: 'node-e', expiries: [list, ...configured] })
  const { exitCode, stdout } = await runVerb(['expiry'], env)

  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/client-certificate +orders +20\S+Z +20d\d+h/)
  expect(stdout).toContain('Node node-e answered: 6 listed, 0 of them end within 7d.')
})

test('`gatehouse secrets list` shows the files of upstream_tls with their expiry', async () => {
  const { exitCode, stdout } = await runVerb(['secrets', 'list', '--output', 'json'], env)
  const { secrets } = JSON.parse(stdout) as { secrets: Record<string, unknown>[] }
  const file = (key: string, name: string, expires: Date | null) => ({
    name: `services.orders.upstream_tls.${key}`,
    source: `file ${join(folder, name)}`,
    used_by: 'connections to service orders',
    changed_at: statSync(join(folder, name)).mtime.toISOString(),
    previous_valid: false,
    problem: null,
    expires_at: expires?.toISOString() ?? null,
  })

  expect(exitCode).toBe(0)
  expect(secrets.filter(({ name }) => String(name).startsWith('services.'))).toEqual([
    file('ca', 'ca.pem', ends.authority),
    file('certificate', 'client.crt', ends.client),
    file('key', 'client.key', null),
  ])
  expect(stdout).not.toContain('PRIVATE KEY')
})

test('when a node starts, it logs once that a certificate expires within 30 days', async () => {
  const about = ({ kind }: { readonly kind?: unknown }) => kind === 'client-certificate'
  expect(await node.waitForLine(about)).toMatchObject({
    level: 'warn',
    msg: 'expires within 30 days',
    name: 'orders',
    expires_at: ends.client.toISOString(),
  })
  expect(node.log.filter(about)).toHaveLength(1)
})

test('after a handshake, `gatehouse expiry` lists the certificate of the upstream, and fails when the certificate expires within --within', async () => {
  await new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: node.port, servername: 'api.example', rejectUnauthorized: false }
    const asked = request({ ...options, headers: { host: 'api.example' } }, (reply) => {
      reply.resume().once('end', resolve)
    })
    asked.once('error', reject).end()
  })

  expect((await get('/api/v1/expiries')).expiries).toEqual([list, seen, ...configured])
  expect((await get('/status')).expiries).toEqual([list, seen, ...configured])
  const metrics = await readMetrics(node.adminPort)
  expect(
    metrics.sum('gatehouse_expires_at_seconds', { kind: 'upstream-certificate', name: `orders ${upstream}` }),
  ).toBe(ends.upstream.getTime() / 1000)

  const week = await runVerb(['expiry', '--output', 'json'], env)
  expect(week.exitCode).toBe(1)
  expect(JSON.parse(week.stdout)).toMatchObject({ node: 'node-e', within_ms: 7 * dayMs, ending: 1 })
  expect((await runVerb(['expiry', '--within', '3d'], env)).exitCode).toBe(0)
  const month = await runVerb(['expiry', '--within', '30d'], env)
  expect(month.exitCode).toBe(1)
  expect(month.stdout).toContain('7 listed, 2 of them end within 30d.')
})

test.each([
  { words: ['expiry', '--within', 'soon'], exitCode: 2, message: '--within must be a duration' },
  { words: ['expiry', '--admin', 'http://127.0.0.1:1'], exitCode: 3, message: 'no reply from http://127.0.0.1:1' },
])(
  '`gatehouse` with the arguments $words exits with $exitCode and an error message',
  async ({ words, exitCode, message }) => {
    const run = await runVerb(words, env)

    expect(run.exitCode).toBe(exitCode)
    expect(run.stderr).toContain(message)
  },
)

test('`gatehouse expiry` lists a certificate that only the HTTP/2 listener uses', async () => {
  const http2Only = await startNode({
    policy: {
      version: 1,
      services: {
        orders: {
          upstreams: ['http://127.0.0.1:1'],
          credentials: 'none',
          routes: [{ id: 'orders', match: { path: '/**' }, require: 'public' }],
        },
      },
    },
    settings: {
      tls: { listen: false, certificates: [listener] },
      listen_h2: { address: '127.0.0.1:0', tls: true },
      public_url: 'https://api.example',
    },
  })
  const metrics = await readMetrics(http2Only.adminPort)

  expect(metrics.sum('gatehouse_expires_at_seconds', { kind: 'certificate', name: 'api.example' })).toBe(
    ends.listener.getTime() / 1000,
  )
})
