import { once } from 'node:events'
import { connect } from 'node:http2'
import { beforeAll, expect, test } from 'vitest'
import { startHaproxy, startNginx, type TestBalancer } from '../kit/balancer.ts'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNameServer } from '../kit/name-server.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts } from '../kit/ports.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { openSocket, refusedSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// WebSockets through HAProxy with deploy/haproxy.cfg, through its alternative with X-Forwarded-For, and through nginx
// with deploy/nginx.conf, to real nodes.

type Balanced = TestBalancer & { readonly node: TestNode }

let issuer: TestIssuer
let service: WebSocketService
let balancers: Record<'HAProxy' | 'HAProxy with X-Forwarded-For' | 'nginx', Balanced>

const names = ['HAProxy', 'HAProxy with X-Forwarded-For', 'nginx'] as const

function policy(): object {
  const require = { scopes: { all: ['live'] } }
  return testPolicy({
    issuer: issuer.url,
    orders: service.url,
    ordersEntry: {
      routes: [
        { id: 'live', match: { path: '/live/**' }, require, websocket: {} },
        { id: 'public', match: { path: '/public/**' }, require: 'public' },
      ],
    },
  })
}

/** @param address  address of the node, whose name the DNS server of this HAProxy returns */
async function behindHaproxy(address: string, tells?: 'X-Forwarded-For'): Promise<Balanced> {
  const dns = await startNameServer()
  const [nodePort, probePort] = freePorts(2) as [number, number]
  const node = await startNode({
    policy: policy(),
    settings: {
      listen: `${address}:${nodePort}`,
      public_url: 'https://api.test',
      probes: { listen: `${address}:${probePort}` },
      proxies: ['127.0.0.1'],
      ...(tells === undefined && { proxy_protocol: 'required' }),
    },
  })
  dns.addresses = [address]
  const balancer = await startHaproxy({ namePort: dns.port, nodePort, probePort, ...(tells && { tells }) })
  return { ...balancer, node }
}

async function behindNginx(): Promise<Balanced> {
  const settings = { public_url: 'https://api.test', proxies: ['127.0.0.1'] }
  const node = await startNode({ policy: policy(), settings })
  return { ...(await startNginx([node.port])), node }
}

beforeAll(async () => {
  issuer = await startIssuer()
  service = await WebSocketService.start()
  const [first, second, third] = await Promise.all([
    behindHaproxy('127.0.9.1'),
    behindHaproxy('127.0.9.2', 'X-Forwarded-For'),
    behindNginx(),
  ])
  balancers = { HAProxy: first, 'HAProxy with X-Forwarded-For': second, nginx: third }
  for (const { port, certificate } of Object.values(balancers)) {
    await until('the balancer forwards to the node', async () => {
      const { status } = await refusedSocket(port, '/public/1', { certificate })
      return status === 501
    })
  }
})

const live = () => issuer.sign({ claims: { scope: 'live' } })

test.each(names)(
  '%s forwards the text and binary messages of a WebSocket, and the close code of the client',
  async (name) => {
    const { port, certificate, node } = balancers[name]
    const target = `/live/${names.indexOf(name)}`
    const client = await openSocket(port, target, { certificate, token: live(), origin: 'https://api.test' })
    client.ws.send('text')
    client.ws.send(Buffer.alloc(200_000, 7))

    const [text, binary] = await client.received(2)
    expect(text).toBe('text')
    expect(Buffer.alloc(200_000, 7).equals(binary as Buffer)).toBe(true)
    const served = await service.socketAt(target)
    expect(served.request.headers['x-forwarded-proto']).toBe('https')
    client.ws.close(4000, 'done')
    expect((await served.ended())[0]).toBe(4000)
    expect((await client.ended())[0]).toBe(4000)
    expect(await node.waitForRecord(({ path }) => path === target)).toMatchObject({ status: 101, address: '127.0.0.1' })
  },
)

test.each(names)('%s forwards the reply of the gate to a refused WebSocket handshake', async (name) => {
  const { port, certificate } = balancers[name]

  const anonymous = await refusedSocket(port, '/live/refused', { certificate })
  const foreign = await refusedSocket(port, '/live/refused', {
    certificate,
    token: live(),
    origin: 'https://evil.example',
  })

  expect([anonymous.status, JSON.parse(anonymous.body).code]).toEqual([401, 'credential_required'])
  expect(anonymous.fields['www-authenticate']).toContain('Bearer')
  expect(foreign.status).toBe(403)
})

test('HAProxy and nginx forward the WebSocket close code 4401 of the gate when the token expires', async () => {
  // The policy's default clock tolerance adds 5 s, in which a busy machine opens the WebSockets.
  const token = issuer.sign({ claims: { scope: 'live', exp: Math.floor(Date.now() / 1000) + 2 } })
  const clients = await Promise.all(
    Object.values(balancers).map(({ port, certificate }) => openSocket(port, '/live/expires', { certificate, token })),
  )

  for (const client of clients) expect(await client.ended()).toEqual([4401, 'the authorization has ended'])
})

test.each(['HAProxy', 'HAProxy with X-Forwarded-For'] as const)(
  '%s forwards a WebSocket that a browser opens over HTTP/2 (RFC 8441)',
  async (name) => {
    const { port, certificate } = balancers[name]
    const session = connect(`https://127.0.0.1:${port}`, { ca: certificate, servername: 'api.test' })
    atEnd(() => session.destroy())
    const [settings] = await once(session, 'remoteSettings')
    expect(settings.enableConnectProtocol).toBe(true)
    const target = `/live/http2-${name.length}`
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': target,
      ':authority': 'api.test',
      'sec-websocket-version': '13',
      origin: 'https://api.test',
      authorization: `Bearer ${live()}`,
    })
    const [head] = await once(stream, 'response')
    expect(head[':status']).toBe(200)
    // A masked text frame with `hi`; the mask is zero. The echo has no mask.
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
    const [echo] = await once(stream, 'data')

    expect([...echo]).toEqual([0x81, 0x02, 0x68, 0x69])
    stream.destroy()
  },
)
