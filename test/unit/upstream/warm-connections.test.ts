import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { Http2Target } from '../../../gateway/upstream/http2/http2-target.ts'
import { nameResolver, systemResolver } from '../../../gateway/upstream/names/name-resolver.ts'
import { TargetRegistry, type UpstreamSettings } from '../../../gateway/upstream/target-registry.ts'
import { readTlsMaterial } from '../../../gateway/upstream/tls/tls-material.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { Http2Service } from '../../kit/http2-service.ts'
import { ManualTimers } from '../../kit/manual-timers.ts'
import { startNameServer } from '../../kit/name-server.ts'
import { freePort, listen } from '../../kit/ports.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called, send } from './call-log.ts'

// Connections that the gate opens before calls need them (`warm_connections`).

test('calls to an upstream use the connections that its pool has opened in advance', async () => {
  const upstream = await startUpstream()
  const target = new Http1Target(new URL(upstream.url), 5000, 16)
  target.warm(3)
  await until('the connections are open', () => upstream.connections === 3)
  const calls = [send(target), send(target), send(target)]
  await Promise.all(calls.map((call) => call.over()))

  expect(upstream.connections).toBe(3)
  expect(calls.map(({ status }) => status)).toEqual([200, 200, 200])
  target.warm(3)
  expect(target.connections).toBe(3)
  target.close()
})

test('a connection to an https upstream that was opened in advance has completed its TLS handshake', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-warm-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const authority = await CertificateAuthority.create('authority')
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, authority.cert)
  const server = createHttpsServer(await authority.issue({ names: ['localhost'] }), (_, response) => response.end())
  let handshakes = 0
  server.on('secureConnection', () => handshakes++)
  const port = await listen(server)
  atEnd(() => server.closeAllConnections())
  const tls = { caFile, certFile: undefined, key: undefined, serverName: 'localhost', minVersion: 'TLSv1.2' } as const
  const target = new Http1Target(new URL(`https://127.0.0.1:${port}`), 5000, 16, { material: readTlsMaterial(tls, {}) })
  target.warm(1)
  await until('the handshake is complete', () => handshakes === 1)
  await until('the gate has verified the certificate', () => target.certificateUntilMs !== undefined)

  expect((await called(target)).status).toBe(200)
  expect(handshakes).toBe(1)
  target.close()
})

test('the pool of an HTTP/2 upstream opens one session in advance, whatever number of connections is requested', async () => {
  const service = await Http2Service.start({
    onStream: ({ stream }) => stream.respond({ ':status': 204 }, { endStream: true }),
  })
  const target = new Http2Target(new URL(service.url), 5000, 16)
  target.warm(8)
  await until('the session is open', () => service.sessions.length === 1)
  target.warm(8)

  expect((await called(target)).status).toBe(204)
  expect([service.sessions.length, target.connections]).toEqual([1, 1])
  target.close()
})

test('an address to which no connection can be opened in advance is in back-off before the first call', async () => {
  const target = new Http1Target(new URL(`http://127.0.0.1:${freePort()}`), 5000, 16)
  target.warm(1)
  await until('the connection has failed', () => target.connections === 0)

  expect(target.health.restUntil).toBeGreaterThan(performance.now())
})

test('a connection that was opened in advance and that the service has closed is not used for a call', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 204 No Content\r\n\r\n'))
  })
  const target = new Http1Target(new URL(`http://127.0.0.1:${await listen(server)}`), 5000, 16)
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
  })
  target.warm(1)
  await until('the connection is open', () => sockets.length === 1)
  sockets[0]!.end()
  await until('the connection is closed', () => target.connections === 0)

  expect((await called(target)).status).toBe(204)
  expect(target.health.restUntil).toBe(0)
})

const serviceOf = (url: string, given: Partial<UpstreamSettings> = {}): UpstreamSettings => ({
  id: 'orders',
  upstreams: [new URL(url)],
  maxCalls: 16,
  timeouts: { connectMs: 5000 },
  warmConnections: 2,
  ...given,
})

function registryOf(options: ConstructorParameters<typeof TargetRegistry>[0] = {}): TargetRegistry {
  const registry = new TargetRegistry(options)
  atEnd(() => registry.close())
  return registry
}

test('a node opens connections in advance at its start, and to upstreams that a policy adds, only for services with warm_connections', async () => {
  const [one, two, three] = [await startUpstream(), await startUpstream(), await startUpstream()]
  const registry = registryOf()
  registry.replace([serviceOf(one.url)])
  registry.watch()
  await until('the connections are open', () => one.connections === 2)

  registry.replace([
    serviceOf(one.url),
    serviceOf(two.url, { id: 'added' }),
    serviceOf(three.url, { id: 'other', warmConnections: 0 }),
  ])
  await until('the connections of the added upstream are open', () => two.connections === 2)
  expect([one.connections, three.connections]).toEqual([2, 0])
})

test('a node opens connections in advance to an upstream again when the drain of the upstream ends', async () => {
  const upstream = await startUpstream()
  const registry = registryOf()
  const [balancer] = registry.replace([serviceOf(upstream.url)])
  registry.drain(new Map([[`orders ${upstream.url}`, Number.POSITIVE_INFINITY]]))
  registry.watch()
  expect(balancer!.targets[0]!.connections).toBe(0)

  registry.drain(new Map())
  await until('the connections are open', () => upstream.connections === 2)
})

test('a node opens connections in advance again when an upstream has become available again', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
  })
  const url = `http://127.0.0.1:${await listen(server)}`
  const other = await startUpstream()
  const registry = registryOf()
  registry.replace([serviceOf(url)])
  registry.watch()
  await until('the connections are open', () => sockets.length === 2)
  registry.drain(new Map([[`orders ${url}`, Number.POSITIVE_INFINITY]]))
  for (const socket of sockets) socket.destroy()
  registry.replace([serviceOf(url), serviceOf(other.url, { id: 'other' })])
  await until('the node has looked at all upstreams', () => other.connections === 2)

  registry.drain(new Map())
  await until('connections are open again', () => sockets.length === 4)
  for (const socket of sockets) socket.destroy()
})

test('a node opens connections in advance to the addresses of a name after its first lookup', async () => {
  const upstream = await startUpstream()
  const server = await startNameServer()
  server.addresses = ['127.0.0.1']
  const registry = registryOf({ resolver: nameResolver([`127.0.0.1:${server.port}`]) })
  const [balancer] = registry.replace([serviceOf(`http://orders.test:${upstream.port}`)])
  registry.watch()
  expect(balancer!.targets[0]!.connections).toBe(0)

  await until('the connections are open', () => upstream.connections === 2)
  expect(balancer!.targets.map(({ peer, connections }) => ({ peer, connections }))).toEqual([
    { peer: '127.0.0.1', connections: 2 },
  ])
})

test('for a name with IPv4 and IPv6 addresses, a node opens connections in advance to the family that works', async () => {
  const upstream = await startUpstream()
  const timers = new ManualTimers()
  const resolve = async () => ({ addresses: ['::1', '127.0.0.1'] })
  const registry = registryOf({ timers, resolver: { ...systemResolver, resolve } })
  const [balancer] = registry.replace([serviceOf(`http://localhost:${upstream.port}`)])
  registry.watch()
  await timers.pass(0)
  await until('the addresses are called', () => balancer!.targets[0]!.peer === '127.0.0.1')
  await until('the connections are open', () => balancer!.targets[0]!.connections === 2)
  await until('the service has accepted them', () => upstream.connections >= 3)
  expect(upstream.connections).toBe(3)
})

test('a node opens at most 256 connections in a second before calls need them', async () => {
  const registry = registryOf()
  const services = Array.from({ length: 10 }, (_, n) =>
    serviceOf(`http://127.0.1.${n + 1}:${freePort()}`, { id: `s${n}`, warmConnections: 64 }),
  )
  const balancers = registry.replace(services)
  registry.watch()

  expect(balancers.flatMap(({ targets }) => targets).reduce((sum, { connections }) => sum + connections, 0)).toBe(256)
})
