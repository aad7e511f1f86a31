import { beforeAll, expect, test } from 'vitest'
import { startHaproxy } from '../kit/balancer.ts'
import { Http2Client } from '../kit/http2-client.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNameServer } from '../kit/name-server.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts } from '../kit/ports.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// HAProxy with the alternative configuration in deploy/haproxy.cfg: clients share HAProxy's connections to the node,
// and the node trusts the forwarding fields of HAProxy.

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode
let client: Http2Client

beforeAll(async () => {
  const [names, ports] = [await startNameServer(), freePorts(2)]
  const [nodePort, probePort] = ports as [number, number]
  const address = '127.0.8.1'
  issuer = await startIssuer()
  upstream = await startUpstream()
  node = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: upstream.url }),
    settings: {
      listen: `${address}:${nodePort}`,
      public_url: 'https://api.test',
      probes: { listen: `${address}:${probePort}` },
      proxies: ['127.0.0.1'],
    },
  })
  names.addresses = [address]
  const { port, certificate } = await startHaproxy({
    namePort: names.port,
    nodePort,
    probePort,
    tells: 'X-Forwarded-For',
  })
  client = new Http2Client({ port, certificate, name: 'api.test', from: '127.9.9.9' })
  await until('HAProxy forwards to the node', async () => (await client.get('/public/first')).status === 200)
})

test('a forwarding field that a client forges does not reach the service behind HAProxy and the gate', async () => {
  const forged = {
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'evil.example',
    forwarded: 'for=10.0.0.1;host=evil.example',
    'client-cert': ':AAAA:',
  }
  expect((await client.get('/public/here', forged)).status).toBe(200)

  const arrived = upstream.requests.at(-1)
  expect(arrived?.all('x-forwarded-for')).toEqual(['127.9.9.9, 127.0.0.1'])
  expect(arrived?.all('x-forwarded-proto')).toEqual(['https'])
  expect(arrived?.all('x-forwarded-host')).toEqual([expect.stringMatching(/^api\.test/)])
  expect(arrived?.all('forwarded')).toEqual([expect.stringMatching(/^for=127\.9\.9\.9;host="api\.test/)])
  expect(arrived?.all('client-cert')).toEqual([])
})

test.each(['/.gatehouse/check', '/oauth2/auth'])(
  'the gate behind HAProxy replies 404 to a forward-auth check that a client sends to %s',
  async (path) => {
    const asked = {
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/orders/1',
      authorization: `Bearer ${issuer.sign()}`,
    }

    expect((await client.get(path, asked)).status).toBe(404)
    expect(node.accessLog().filter((record) => record['check'] === true)).toEqual([])
  },
)
