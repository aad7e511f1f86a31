import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { startHaproxy } from '../kit/balancer.ts'
import { Http2Client } from '../kit/http2-client.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNameServer, type TestNameServer } from '../kit/name-server.ts'
import { startNodeProcess } from '../kit/node.ts'
import { foundEpoch, maxStalenessMs, startRevocationService, type TestService } from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts } from '../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { BalancedLoad } from './balanced-load.ts'

// HAProxy with the shipped deploy/haproxy.cfg in front of real nodes. HAProxy finds the nodes by DNS.

const clientAddress = '127.9.9.9'

let issuer: TestIssuer
let upstream: TestUpstream
let names: TestNameServer
let link: RedisLink
let service: TestService
let nodePort: number
let probePort: number
let redisUrl: string
let balancerPort: number
let client: (from?: string) => Http2Client
let load: BalancedLoad
const nodes: NodeProcess[] = []

/** Starts a node at its own loopback address, as in a container. All nodes use the same ports. */
async function addNode(number: number): Promise<void> {
  const address = `127.0.7.${number}`
  const node = await startNodeProcess({
    policy: testPolicy({ issuer: issuer.url, orders: upstream.url }),
    settings: {
      node: { id: `n${number}` },
      listen: `${address}:${nodePort}`,
      public_url: 'https://api.test',
      probes: { listen: `${address}:${probePort}` },
      proxies: ['127.0.0.1'],
      proxy_protocol: 'required',
      redis: { url: redisUrl },
      revocation: { max_staleness: `${maxStalenessMs}ms` },
      drain_delay: '2s',
    },
  })
  await until(
    'the node has the keys of its issuer',
    async () => (await readMetrics(node.adminPort)).sum('gatehouse_issuer_keys') > 0,
  )
  nodes.push(node)
  names.addresses = [...names.addresses, address]
}

beforeAll(async () => {
  const [redis, ports] = [await testRedis(), freePorts(2)]
  ;[nodePort, probePort] = ports as [number, number]
  redisUrl = redis.url
  link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  issuer = await startIssuer()
  upstream = await startUpstream({
    handler: async (received, response) => {
      // The service takes up to 9 ms to reply, so that some requests are always in flight.
      await sleep(Number(received.url.slice(-1)) || 0)
      response.end(received.url)
    },
  })
  service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
  names = await startNameServer()
  await addNode(1)
  const balancer = await startHaproxy({ namePort: names.port, nodePort, probePort })
  balancerPort = balancer.port
  client = (from = clientAddress) =>
    new Http2Client({ port: balancer.port, certificate: balancer.certificate, name: 'api.test', from })
  await untilServed()
})

/** Waits until HAProxy forwards to the first node. */
async function untilServed(): Promise<void> {
  const first = client()
  await until('HAProxy forwards to the node', async () => (await first.get('/public/1')).status === 200)
}

const admittedBy = (node: NodeProcess) => node.accessLog().filter(({ decision }) => decision === 'admitted').length

test('behind HAProxy with HTTP/2 the node sees the address of the client, even if the client forges forwarding fields', async () => {
  const one = client('127.9.9.7')

  const reply = await one.get('/public/here', { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-proto': 'http' })

  expect(reply).toEqual({ status: 200, text: '/public/here' })
  expect(one.protocol).toBe('h2')
  const record = await nodes[0]!.waitForRecord(({ path }) => path === '/public/here')
  expect(record['address']).toBe('127.9.9.7')
  const audited = await auditRecords(link, (each) => each['url.path'] === '/public/here')
  expect(audited.find((each) => each['url.path'] === '/public/here')!['client.address']).toBe('127.9.9.7')
  const arrived = upstream.requests.find(({ url }) => url === '/public/here')
  expect(arrived?.all('x-forwarded-for')).toEqual(['127.9.9.7'])
  // A PROXY protocol header does not state the scheme of the client, so the gate uses the scheme of the public URL.
  expect(arrived?.all('x-forwarded-proto')).toEqual(['https'])
})

test('an upload with chunk extensions through HAProxy reaches the service with its plain body', async () => {
  const socket = connectTls({
    host: '127.0.0.1',
    port: balancerPort,
    servername: 'api.test',
    rejectUnauthorized: false,
  })
  await once(socket, 'secureConnect')
  const head = 'POST /public/extended HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n'
  socket.write(`${head}\r\n3;a=b\r\nabc\r\n0;a\r\n\r\n`)
  const [reply] = await once(socket, 'data')
  socket.destroy()

  expect(String(reply)).toMatch(/^HTTP\/1\.1 200 /)
  const arrived = upstream.requests.find(({ url }) => url === '/public/extended')
  await arrived?.over
  expect(arrived?.body.toString()).toBe('abc')
})

test('the gate behind HAProxy replies 404 to a forward-auth check that a client sends', async () => {
  expect((await client().get('/.gatehouse/check/public/1')).status).toBe(404)
})

test('when nodes are added under load, HAProxy sends each of them more than 40 of 400 requests', async () => {
  const tokens = Array.from({ length: 20 }, () => issuer.sign())
  let next = 0
  const clients = Array.from({ length: 10 }, () => client())
  load = new BalancedLoad(clients, () => tokens[next++ % tokens.length]!, 50)
  await load.more(100)
  await Promise.all([2, 3, 4].map(addNode))
  // Wait until each node has admitted 20 requests, so that HAProxy considers it ready. During the next 400 requests
  // HAProxy ends the slow start of the new nodes.
  for (const node of nodes) while (admittedBy(node) < 20 && load.failures.length === 0) await load.more(20)
  await load.more(400)
  expect(load.failures).toEqual([])
  const before = nodes.map(admittedBy)
  await load.more(400)
  expect(load.failures).toEqual([])
  const shares = () => nodes.map((node, i) => admittedBy(node) - before[i]!)
  await until('the logs have all 400 requests', () => shares().reduce((sum, share) => sum + share, 0) >= 400)

  // Equal shares of 400 requests would be 100 for each of the four nodes.
  for (const share of shares()) expect(share).toBeGreaterThan(40)
})

test('after the receipt of a revocation under load, all four nodes behind HAProxy reject the revoked token', async () => {
  const token = issuer.sign()
  const authorization = `Bearer ${token}`
  const one = client()
  expect((await one.get('/orders/1', { authorization })).status).toBe(200)

  const receipt = await service.revoke({ kind: 'token', token })
  const refusals = (node: NodeProcess) => node.accessLog().filter(({ reason }) => reason === 'token-revoked').length
  const statuses = new Set<number>()
  for (let i = 0; i < 500 && nodes.some((node) => refusals(node) === 0); i++)
    statuses.add((await one.get('/orders/1', { authorization })).status)

  expect(receipt.acknowledged.map(({ node }) => node).toSorted()).toEqual(['n1', 'n2', 'n3', 'n4'])
  expect([...statuses]).toEqual([401])
  for (const node of nodes) expect(refusals(node)).toBeGreaterThan(0)
  expect(load.failures).toEqual([])
})

test('replacing a node behind HAProxy under load fails no request, and the replaced node ends no exchange early', async () => {
  const [leaving] = nodes
  const stopped = leaving!.stop()
  await addNode(5)
  expect(await stopped).toBe(0)
  names.addresses = names.addresses.slice(1)
  while (admittedBy(nodes[4]!) < 20 && load.failures.length === 0) await load.more(20)
  await load.more(100)
  await load.stop()

  expect(load.failures).toEqual([])
  expect(leaving!.log.at(-1)).toMatchObject({ msg: 'node stopped', cut_off: 0 })
})
