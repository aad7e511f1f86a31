import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { upstreams } from '../../../gateway/doctor/checks/upstreams.ts'
import { CertificateAuthority, type IssuedCertificate } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { findingsOf } from './findings-of.ts'

// `gatehouse doctor` opens a TLS connection to each upstream, with the TLS settings of its service.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const DAY_MS = 24 * 60 * 60 * 1000
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS)
const authority = await CertificateAuthority.create('services')
const stranger = await CertificateAuthority.create('stranger')
const ca = join(folder, 'services.pem')
writeFileSync(ca, authority.cert)

type Server = ReturnType<typeof createTcpServer> | ReturnType<typeof createServer>

async function portOf(server: Server): Promise<number> {
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    atEnd(() => socket.destroy())
  })
  atEnd(() => void server.close())
  return listen(server)
}

/** Starts a TLS server. @returns its URL */
async function serving(certificate: IssuedCertificate, options: object = {}): Promise<string> {
  const server = createServer({ ...certificate, ...options }, (socket) => void socket.on('error', () => {}))
  return `https://localhost:${await portOf(server)}`
}

const names = ['localhost']
const good = await serving(await authority.issue({ names }))
const urls = {
  trusted: good,
  soon: await serving(await authority.issue({ names, until: inDays(5) })),
  ended: await serving(await authority.issue({ names, from: inDays(-3), until: inDays(-1) })),
  renamed: await serving(await authority.issue({ names: ['invoices.internal'] })),
  stated: await serving(await authority.issue({ names: ['invoices.internal'] })),
  strange: await serving(await stranger.issue({ names })),
  plain: `https://localhost:${await portOf(createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')))}`,
  old: await serving(await authority.issue({ names }), { maxVersion: 'TLSv1.2' }),
  gone: `https://localhost:${freePort()}`,
  clear: `http://127.0.0.1:${await portOf(createTcpServer())}`,
}

const settingsOf: Readonly<Record<string, object | undefined>> = {
  stated: { ca, server_name: 'invoices.internal' },
  old: { ca, min_version: '1.3' },
  clear: undefined,
}

function service([id, url]: [string, string]) {
  const upstream_tls = id in settingsOf ? settingsOf[id] : { ca }
  const routes = [{ id, match: { path: `/${id}/**` }, require: 'public' }]
  return [id, { upstreams: [url], credentials: 'none', routes, ...(upstream_tls && { upstream_tls }) }]
}

const services = Object.fromEntries(Object.entries(urls).map(service))
const findings = await findingsOf({ checks: [upstreams], policy: { version: 1, services } })

test.each([
  ['with a trusted certificate', 'trusted', 'ok', /^accepts TLS connections, certificate is valid until /],
  ['with a certificate for the name in server_name', 'stated', 'ok', /^accepts TLS connections/],
  ['without TLS', 'clear', 'ok', /^accepts connections$/],
  ['whose certificate ends in 5 days', 'soon', 'failed', /certificate ends in less than 7 days/],
  [
    'whose certificate has ended',
    'ended',
    'failed',
    /has expired \(it is valid until .*\); the upstream must renew it$/,
  ],
  [
    'whose certificate is for another name',
    'renamed',
    'failed',
    /\(DNS:invoices\.internal\) is not valid for the name .*server_name$/,
  ],
  ['whose certificate is of another authority', 'strange', 'failed', /is not trusted \(.*\); set upstream_tls\.ca/],
  ['that has an https URL and no TLS', 'plain', 'failed', /the upstream does not speak TLS on this port/],
  ['that has only TLS 1.2 while min_version is 1.3', 'old', 'failed', /check upstream_tls\.min_version/],
  ['at whose port nothing listens', 'gone', 'failed', /ECONNREFUSED/],
] as const)('`gatehouse doctor` reports an upstream %s as $2, with the cause', (_, name, result, detail) => {
  const found = findings.find(({ subject }) => subject === `${name} ${urls[name]}`)

  expect(found).toMatchObject({ check: 'upstream', result })
  expect(found!.detail).toMatch(detail)
  expect(found!.remedy === null).toBe(result === 'ok')
})
