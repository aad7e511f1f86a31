import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { startNginx, type TestBalancer } from '../kit/balancer.ts'
import { Http2Client } from '../kit/http2-client.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import type { LogRecord } from '../kit/log-lines.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { BalancedLoad } from './balanced-load.ts'

// nginx with deploy/nginx.conf in front of real nodes. nginx states the client address in X-Forwarded-For.

let issuer: TestIssuer
let upstream: TestUpstream
let nodes: TestNode[]
let balancer: TestBalancer

const client = (from: string) =>
  new Http2Client({ port: balancer.port, certificate: balancer.certificate, name: 'api.test', from })

/** Waits for the first matching access log record of any node. */
const recordOf = (wanted: (record: LogRecord) => boolean) =>
  Promise.any(nodes.map((node) => node.waitForRecord(wanted)))

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream({
    handler: async (received, response) => {
      await sleep(Number(received.url.slice(-1)))
      response.end(received.url)
    },
  })
  const start = (id: string) =>
    startNode({
      policy: testPolicy({ issuer: issuer.url, orders: upstream.url }),
      settings: { node: { id }, public_url: 'https://api.test', proxies: ['127.0.0.1'] },
    })
  nodes = await Promise.all(['n1', 'n2'].map(start))
  balancer = await startNginx(nodes.map(({ port }) => port))
})

test('behind nginx with HTTP/2 the node sees the address of the client, even if the client forges forwarding fields', async () => {
  const one = client('127.9.9.7')

  const reply = await one.get('/public/here?x=//', {
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'evil.example',
    forwarded: 'for=10.0.0.1',
    'client-cert': ':AAAA:',
  })

  expect(reply).toEqual({ status: 200, text: '/public/here?x=//' })
  expect(one.protocol).toBe('h2')
  const [arrived] = upstream.requests
  expect(arrived?.all('x-forwarded-for')).toEqual(['127.9.9.7, 127.0.0.1'])
  expect(arrived?.all('x-forwarded-proto')).toEqual(['https'])
  expect(arrived?.all('x-forwarded-host')).toEqual([`api.test:${balancer.port}`])
  expect(arrived?.all('client-cert')).toEqual([])
  const record = await recordOf(({ path }) => path === '/public/here')
  expect(record['address']).toBe('127.9.9.7')
})

test('nginx passes an ambiguous path (`//`) to the gate unchanged, and the gate rejects it with 400', async () => {
  const { status } = await client('127.9.9.7').get('/orders//1')

  expect(status).toBe(400)
  expect((await recordOf((record) => record['status'] === 400))['reason']).toBe('path-empty-segment')
})

test.each(['/.gatehouse/check', '/.gatehouse/check/public/1', '/.gatehouse/%63heck', '/oauth2/auth'])(
  'the gate behind nginx replies 404 to a forward-auth check that a client sends to %s',
  async (path) => {
    const fields = {
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/orders/1',
      authorization: `Bearer ${issuer.sign()}`,
    }

    expect((await client('127.9.9.7').get(path, fields)).status).toBe(404)
  },
)

test('stopping a node behind nginx under load fails no request', async () => {
  const token = issuer.sign()
  const clients = Array.from({ length: 8 }, () => client('127.9.9.9'))
  const load = new BalancedLoad(clients, () => token, 50)
  await load.more(100)
  const [leaving, staying] = nodes
  await leaving!.stop()
  await load.more(100)
  await load.stop()

  expect(load.failures).toEqual([])
  for (const node of [leaving!, staying!]) await expect.poll(() => node.accessLog().length).toBeGreaterThan(20)
})
