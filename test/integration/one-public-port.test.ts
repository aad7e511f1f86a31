import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { ordersService } from '../../deploy/demo/grpc/orders-service.ts'
import { startHaproxy, type TestHaproxy } from '../kit/balancer.ts'
import { startChromium } from '../kit/chromium.ts'
import { atEnd } from '../kit/cleanup.ts'
import { Http2Client } from '../kit/http2-client.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNameServer } from '../kit/name-server.ts'
import { startNode } from '../kit/node.ts'
import { OrdersClient } from '../kit/orders-client.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts } from '../kit/ports.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// HAProxy with the shipped deploy/haproxy.cfg and one public port for all clients. They choose the protocol by ALPN:
// HTTP/2 goes to `listen_h2` of the node, HTTP/1.1 and WebSockets go to `listen`.

const name = 'api.test'

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode
let balancer: TestHaproxy
let certFile: string
let orders: OrdersClient
/** Starts a node at its own loopback address, as in a container. All nodes use the same ports. */
let addNode: () => Promise<TestNode>

beforeAll(async () => {
  const rpc = ordersService()
  await once(rpc.listen(0, '127.0.0.1'), 'listening')
  atEnd(() => void rpc.close())
  const [names, sockets, ports] = [await startNameServer(), await WebSocketService.start(), freePorts(3)]
  const [nodePort, http2Port, probePort] = ports as [number, number, number]
  issuer = await startIssuer()
  upstream = await startUpstream()
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url }) as { services: object }
  const scopes = (scope: string) => ({ scopes: { all: [scope] } })
  const services = {
    ...policy.services,
    rpc: {
      protocol: 'h2c',
      upstreams: [`http://127.0.0.1:${(rpc.address() as AddressInfo).port}`],
      routes: [
        { id: 'rpc.write', match: { grpc: 'demo.Orders/Chat' }, require: scopes('orders:write') },
        { id: 'rpc.read', match: { grpc: 'demo.Orders/*' }, require: scopes('orders:read') },
      ],
    },
    sockets: {
      upstreams: [sockets.url],
      routes: [{ id: 'live', match: { path: '/live/**' }, require: 'public', websocket: {} }],
    },
  }
  addNode = async () => {
    const address = `127.0.10.${names.addresses.length + 1}`
    const settings = {
      listen: `${address}:${nodePort}`,
      listen_h2: { address: `${address}:${http2Port}`, tls: false },
      public_url: `https://${name}`,
      probes: { listen: `${address}:${probePort}` },
      proxies: ['127.0.0.1'],
    }
    const added = await startNode({ policy: { ...policy, services }, settings })
    names.addresses = [...names.addresses, address]
    return added
  }
  node = await addNode()
  balancer = await startHaproxy({ namePort: names.port, nodePort, http2Port, probePort })
  certFile = caFile(balancer.certificate)
  orders = new OrdersClient(`127.0.0.1:${balancer.port}`, balancer.certificate, {
    'grpc.ssl_target_name_override': name,
    'grpc.default_authority': name,
  })
  const isServed = (call: Promise<unknown>) =>
    call.then(
      () => true,
      () => false,
    )
  await until('HAProxy forwards gRPC to the node', () => isServed(orders.get('1', bearer('orders:read'))))
  await until('HAProxy forwards HTTP/1.1 to the node', async () => (await overHttp1('/public/first')) === 200)
})

function caFile(certificate: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-one-port-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'ca.pem')
  writeFileSync(path, certificate)
  return path
}

const bearer = (scope: string) => ({ authorization: `Bearer ${issuer.sign({ claims: { scope } })}` })

/** Sends a GET request with HTTP/1.1 over TLS. @returns the status */
async function overHttp1(path: string): Promise<number> {
  const options = { host: '127.0.0.1', port: balancer.port, path, servername: name, ca: balancer.certificate }
  const request = get({ ...options, headers: { Host: name }, agent: false })
  const [reply] = await once(request, 'response')
  reply.resume()
  return reply.statusCode
}

/** Protocol with which a request reached the gate, as `Via` states it to the service. */
const protocolAtGate = (path: string) => upstream.requests.find(({ url }) => url === path)?.all('via')

test('through HAProxy, unary and streaming gRPC calls reach the HTTP/2 listener of the node', async () => {
  expect(await orders.get('7', bearer('orders:read'))).toMatchObject({ id: '7', item: 'tea', version: 1 })
  const watch = orders.watch('8', bearer('orders:read'))
  await until('two orders of the stream', () => watch.received.length === 2)
  watch.cancel()
  const chat = orders.chat(bearer('orders:write'))
  for (const [index, text] of ['tea', 'milk'].entries()) {
    chat.send(text)
    await until('the message', () => chat.received.length > index)
  }
  chat.finish()

  expect(chat.received).toMatchObject([{ text: 'tea' }, { text: 'milk' }])
  expect(await chat.status).toBe(0)
})

test('a gRPC call through HAProxy without a token or scope is refused with its gRPC status and the challenge', async () => {
  await expect(orders.get('7', bearer('other'))).rejects.toMatchObject({ code: 7 })
  const refused = await orders.get('7').catch((error) => error)

  expect(refused.code).toBe(16)
  expect(refused.metadata.get('www-authenticate')[0]).toContain('Bearer')
  const record = await node.waitForRecord(({ id }) => id === refused.metadata.get('x-request-id')[0])
  expect(record).toMatchObject({ status: 401, address: '127.0.0.1' })
})

test('Chromium loads a page, sends a POST and opens a WebSocket over the public port that gRPC clients use', async () => {
  const browser = await startChromium(`--host-resolver-rules=MAP ${name} 127.0.0.1`)
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage()
  const url = `https://${name}:${balancer.port}`

  expect((await page.goto(`${url}/public/page`))?.status()).toBe(200)
  const posted = await page.evaluate(`fetch('/public/posted', { method: 'POST', body: 'tea' }).then((r) => r.status)`)
  const echoed = await page.evaluate(`new Promise((resolve) => {
    const socket = new WebSocket('wss://${name}:${balancer.port}/live/1')
    socket.onopen = () => socket.send('hello')
    socket.onmessage = ({ data }) => resolve(data)
    socket.onclose = ({ code }) => resolve(code)
  })`)

  expect([posted, echoed]).toEqual([200, 'hello'])
  expect(protocolAtGate('/public/page')).toEqual(['2 gatehouse'])
  const arrived = upstream.requests.find(({ url: path }) => path === '/public/posted')
  await arrived?.over
  expect([String(arrived?.body), arrived?.all('via')]).toEqual(['tea', ['2 gatehouse']])
})

const run = promisify(execFile)
const curlMissing = await run('curl', ['--version']).then(
  ({ stdout }) => !stdout.includes('HTTP2'),
  () => true,
)

test.skipIf(curlMissing).each([
  ['--http2', '2', ['2 gatehouse']],
  ['--http1.1', '1.1', ['1.1 gatehouse']],
])('HAProxy selects the listener of the node by the ALPN protocol of curl %s', async (option, version, via) => {
  const path = `/public/curl${option}`
  const words = ['-s', option, '--cacert', certFile, '--resolve', `${name}:${balancer.port}:127.0.0.1`]
  const { stdout } = await run('curl', [...words, '-w', ' %{http_version}', `https://${name}:${balancer.port}${path}`])

  expect(stdout.endsWith(` ${version}`)).toBe(true)
  expect(protocolAtGate(path)).toEqual(via)
})

test('a TLS client of HAProxy that offers only HTTP/1.1 reaches the HTTP/1.1 listener of the node', async () => {
  expect(await overHttp1('/public/old')).toBe(200)
  expect(protocolAtGate('/public/old')).toEqual(['1.1 gatehouse'])
})

test('a forwarding field that an HTTP/2 client of HAProxy forges does not reach the service', async () => {
  const forged = { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.example' }
  const client = new Http2Client({ port: balancer.port, certificate: balancer.certificate, name, from: '127.9.9.9' })
  expect((await client.get('/public/forged', { ...forged, 'client-cert': ':AAAA:' })).status).toBe(200)

  const arrived = upstream.requests.find(({ url }) => url === '/public/forged')
  expect(arrived?.all('x-forwarded-for')).toEqual(['127.9.9.9, 127.0.0.1'])
  expect(arrived?.all('x-forwarded-proto')).toEqual(['https'])
  expect(arrived?.all('x-forwarded-host')).toEqual([expect.stringMatching(/^api\.test/)])
  expect(arrived?.all('client-cert')).toEqual([])
})

test('HAProxy uses a separate connection to the node for each HTTP/2 client, so that no client can end the connection of another', async () => {
  const opened = async () => (await readMetrics(node.adminPort)).sum('gatehouse_connections_opened_total')
  const clients = ['127.9.9.1', '127.9.9.2', '127.9.9.3'].map(
    (from) => new Http2Client({ port: balancer.port, certificate: balancer.certificate, name, from }),
  )
  const before = await opened()
  for (const path of ['/public/a', '/public/b', '/public/c']) {
    for (const client of clients) expect((await client.get(path)).status).toBe(200)
  }

  expect((await opened()) - before).toBe(clients.length)
})

/** Number of nodes whose health checks for HTTP/2 requests pass. */
async function healthyNodes(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${balancer.metricsPort}/metrics`)).text()
  return (
    text.match(/^haproxy_server_check_status\{proxy="nodes_http2",server="node\d+",state="L7OK"\} 1$/gm)?.length ?? 0
  )
}

test('HAProxy checks the health of an added node, and sends it requests of HTTP/2 clients', async () => {
  const added = await addNode()
  await until('the health checks of both nodes pass', async () => (await healthyNodes()) >= 2)
  const place = { port: balancer.port, certificate: balancer.certificate, name, from: '127.9.9.4' }

  await until('the added node has a request', async () => {
    // HAProxy chooses a node for each connection.
    await Promise.all(['/public/x', '/public/y'].map((path) => new Http2Client(place).get(path)))
    return added.accessLog().length > 0
  })
  expect(upstream.requests.at(-1)?.all('via')).toEqual(['2 gatehouse'])
})
