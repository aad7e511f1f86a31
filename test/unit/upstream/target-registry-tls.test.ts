import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { TargetRegistry } from '../../../gateway/upstream/target-registry.ts'
import { CertificateAuthority, type IssuedCertificate } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { listen } from '../../kit/ports.ts'
import { called, send } from './call-log.ts'

// Connections of services with client certificates: services share connections only if everything that shapes them is
// equal, and a rotated certificate applies to new connections without a failed call.

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-registry-tls-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

const authority = await CertificateAuthority.create('authority')
const renewed = await CertificateAuthority.create('authority', new Date('2050-01-01'))
const serverCertificate = await authority.issue({ names: ['localhost', 'orders.internal'] })
const [gateA, gateB] = [await authority.issue({ names: ['gate-a'] }), await authority.issue({ names: ['gate-b'] })]
const caFile = write('ca.pem', authority.cert)

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

function clientFiles(name: string, { cert, key }: IssuedCertificate) {
  return { certFile: write(`${name}.pem`, cert), key: { file: write(`${name}.key`, key) } }
}

/**
 * Starts a service that demands a client certificate, and replies with its name and the number of the connection.
 * Replies to `/held` begin, and end after `release`.
 */
async function startService() {
  let connections = 0
  const release = Promise.withResolvers<void>()
  const options = { ...serverCertificate, requestCert: true, rejectUnauthorized: true, ca: authority.cert }
  const numbers = new WeakMap<object, number>()
  const server = createServer(options, async (request, response) => {
    const socket = request.socket as TLSSocket
    response.write(`${socket.getPeerCertificate().subject.CN} ${socket.servername} ${numbers.get(socket)}`)
    if (request.url === '/held') await release.promise
    response.end()
  })
  server.on('secureConnection', (socket) => numbers.set(socket, connections++))
  atEnd(() => server.closeAllConnections())
  const port = await listen(server)
  return { url: `https://localhost:${port}`, release: () => release.resolve() }
}

const defaults = { caFile, serverName: undefined, minVersion: 'TLSv1.2' } as const

function service(url: string, tls: object, id = 'orders') {
  const upstreamTls = { ...defaults, certFile: undefined, key: undefined, ...tls }
  return { id, upstreams: [new URL(url)], maxCalls: 4, timeouts: { connectMs: 5000 }, upstreamTls }
}

const filesOfA = clientFiles('a', gateA)

test.each([
  ['another client certificate', { ...clientFiles('b', gateB) }, 'gate-b localhost 1'],
  ['another name', { ...filesOfA, serverName: 'orders.internal' }, 'gate-a orders.internal 1'],
  ['another lowest version', { ...filesOfA, minVersion: 'TLSv1.3' }, 'gate-a localhost 1'],
  ['more authorities', { ...filesOfA, caFile: write('two.pem', authority.cert + gateB.cert) }, 'gate-a localhost 1'],
  ['copies of the same files', { ...clientFiles('copy', gateA) }, 'gate-a localhost 0'],
  ['the same files', filesOfA, 'gate-a localhost 0'],
])(
  'if two services use one upstream, the second service with %s gets a connection with its own TLS settings',
  async (_, tls, body) => {
    const { url } = await startService()
    const registry = new TargetRegistry()
    atEnd(() => registry.close())
    const [one, two] = registry.replace([service(url, filesOfA), service(url, tls, 'invoices')])

    expect((await called(one!.next())).body).toBe('gate-a localhost 0')
    expect((await called(two!.next())).body).toBe(body)
  },
)

test('a service without a client certificate does not get the connection of a service with a client certificate', async () => {
  const { url } = await startService()
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const [one, two] = registry.replace([service(url, filesOfA), service(url, {}, 'invoices')])
  await called(one!.next())

  expect((await called(two!.next())).fault).toMatchObject({ reason: 'upstream-handshake' })
})

test('a rotated client certificate applies to new connections to a service, and calls on old connections complete', async () => {
  const { url, release } = await startService()
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const rotated = clientFiles('rotated', gateA)
  const fixed = service(url, filesOfA, 'fixed')
  const [balancer, other] = registry.replace([service(url, rotated), fixed])
  const old = balancer!.next()
  const held = send(old, { target: '/held' })
  await expect.poll(() => held.body).toBe('gate-a localhost 0')
  expect((await called(other!.next())).body).toBe('gate-a localhost 1')

  clientFiles('rotated', gateB)
  registry.reload()

  expect((await called(balancer!.next())).body).toBe('gate-b localhost 2')
  expect((await called(balancer!.next())).body).toBe('gate-b localhost 2')
  // The connection of another service with the old certificate stays.
  expect((await called(other!.next())).body).toBe('gate-a localhost 1')
  // A call that was assigned to the old target before the rotation completes too.
  expect(await called(old)).toMatchObject({ status: 200 })
  release()
  await held.over()
  expect(held.events).toEqual(['head', 'data', 'end'])
})

test('max_calls of a service limits the calls before and after a certificate rotation together', async () => {
  const { url, release } = await startService()
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const [balancer] = registry.replace([service(url, clientFiles('limited', gateA))])
  const held = Array.from({ length: 4 }, () => send(balancer!.next(), { target: '/held' }))
  await expect.poll(() => held.every(({ body }) => body !== '')).toBe(true)

  clientFiles('limited', gateB)
  registry.reload()

  expect((await called(balancer!.next())).fault).toMatchObject({ reason: 'upstream-full' })
  release()
  await Promise.all(held.map((each) => each.over()))
  expect((await called(balancer!.next())).body).toMatch(/^gate-b/)
})

test('unusable new files of upstream_tls are logged with their services, and the previous certificate stays in use', async () => {
  const { url } = await startService()
  const lines: unknown[] = []
  const registry = new TargetRegistry({ log: (...line) => lines.push(line) })
  atEnd(() => registry.close())
  const [balancer] = registry.replace([service(url, clientFiles('broken', gateA), 'orders')])
  write('broken.pem', 'not a certificate')
  for (let n = 0; n < 3; n++) registry.reload()

  expect(lines).toEqual([
    [
      'warn',
      'TLS files of services rejected; the previous files stay in use',
      { services: ['orders'], problem: expect.stringMatching(/^upstream_tls\.certificate: .*broken\.pem contains no/) },
    ],
  ])
  expect((await called(balancer!.next())).body).toMatch(/^gate-a/)

  clientFiles('broken', gateB)
  registry.reload()
  expect(lines.at(-1)).toEqual(['info', 'TLS files of services reloaded', { services: ['orders'] }])
  expect((await called(balancer!.next())).body).toMatch(/^gate-b/)
})

test('a policy whose upstream_tls names unusable files is rejected with the place of the key, and the active policy stays', async () => {
  const { url } = await startService()
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const [balancer] = registry.replace([service(url, filesOfA)])
  const absent = { ...filesOfA, certFile: join(folder, 'absent.pem') }

  expect(() => registry.prepare([service(url, absent, 'invoices')])).toThrow(
    expect.objectContaining({
      problems: [
        expect.objectContaining({ code: 'GH_CONFIG_SECRET', path: 'services.invoices.upstream_tls.certificate' }),
      ],
    }),
  )
  expect((await called(balancer!.next())).body).toMatch(/^gate-a/)
})

test('a policy change while the files of upstream_tls are invalid keeps the certificate in use', async () => {
  const { url } = await startService()
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const files = clientFiles('later-broken', gateA)
  registry.replace([service(url, files)])
  write('later-broken.pem', '')

  const [balancer] = registry.replace([{ ...service(url, files), maxCalls: 5 }])

  expect((await called(balancer!.next())).body).toMatch(/^gate-a/)
})

test('the list of expiries has the certificates in the files of upstream_tls, and the certificates that upstreams present in handshakes', async () => {
  const hour = 60 * 60 * 1000
  const from = new Date(Date.now() - 2 * hour)
  const expired = await authority.issue({ names: ['localhost'], from, until: new Date(Date.now() - hour) })
  const server = createServer(expired, (_, response) => response.end())
  const url = `https://localhost:${await listen(server)}`
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const [balancer] = registry.replace([service(url, filesOfA, 'orders')])
  const listed = () => [...registry.expiries()].map(({ kind, name, expiresAtMs }) => [kind, name, expiresAtMs])
  const untilMs = (pem: string) => new X509Certificate(pem).validToDate.getTime()
  const configured = [
    ['client-certificate', 'orders', untilMs(gateA.cert)],
    ['upstream-ca', 'orders CN=authority', untilMs(authority.cert)],
  ]
  expect(listed()).toEqual(configured)

  // An expired certificate is listed too: its handshake fails.
  expect((await called(balancer!.next())).fault).toMatchObject({ reason: 'upstream-certificate' })
  expect(listed()).toEqual([...configured, ['upstream-certificate', `orders ${url}`, untilMs(expired.cert)]])

  server.setSecureContext(serverCertificate)
  await called(balancer!.next())
  expect(listed().at(-1)).toEqual(['upstream-certificate', `orders ${url}`, untilMs(serverCertificate.cert)])

  registry.replace([])
  expect(listed()).toEqual([])
})

test('if a bundle has two certificates of one certificate authority, the list of expiries has the later expiry', () => {
  const registry = new TargetRegistry()
  atEnd(() => registry.close())
  const bundle = write('renewed.pem', authority.cert + renewed.cert)
  registry.replace([service('https://localhost:1', { caFile: bundle })])

  expect([...registry.expiries()]).toEqual([
    {
      kind: 'upstream-ca',
      name: 'orders CN=authority',
      expiresAtMs: new X509Certificate(renewed.cert).validToDate.getTime(),
    },
  ])
})
