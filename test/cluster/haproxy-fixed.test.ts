import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { startFixedHaproxy, type TestHaproxy } from '../kit/balancer.ts'
import { atEnd } from '../kit/cleanup.ts'
import { Http2Client } from '../kit/http2-client.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePorts } from '../kit/ports.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// HAProxy with the shipped deploy/haproxy.cfg and the fixed nodes of deploy/haproxy-nodes.cfg, without DNS. The third
// listed node never starts.

const addresses = ['127.0.11.1', '127.0.11.2', '127.0.11.3'] as const

const running = ['nodes/node1', 'nodes/node2', 'nodes_http2/node1', 'nodes_http2/node2']

let balancer: TestHaproxy
let adminSocket: string
let nodes: readonly [TestNode, TestNode]

beforeAll(async () => {
  const [nodePort, http2Port, probePort] = freePorts(3) as [number, number, number]
  const upstream = await startUpstream()
  const start = (address: string) =>
    startNode({
      policy: testPolicy({ issuer: 'https://idp.test', orders: upstream.url }),
      settings: {
        listen: `${address}:${nodePort}`,
        listen_h2: { address: `${address}:${http2Port}`, tls: false },
        public_url: 'https://api.test',
        probes: { listen: `${address}:${probePort}` },
        proxies: ['127.0.0.1'],
      },
    })
  nodes = [await start(addresses[0]), await start(addresses[1])]
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-haproxy-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  adminSocket = join(folder, 'admin.sock')
  balancer = await startFixedHaproxy({ addresses, nodePort, http2Port, probePort, adminSocket })
  await until('HAProxy has its admin socket', () => existsSync(adminSocket))
  await until('HAProxy considers both nodes ready', async () => (await usable()).length === 4)
  // On a busy machine a running node could miss its health checks. That is not the subject of these tests.
  await command(running.map((server) => `disable health ${server}`).join('; '))
})

/** Sends a command to HAProxy's admin socket. @returns the reply */
async function command(line: string): Promise<string> {
  const socket = connect(adminSocket)
  await once(socket, 'connect')
  socket.end(`${line}\n`)
  return text(socket)
}

/** Servers to which HAProxy sends new requests, with or without health checks, as `backend/server`. */
async function usable(): Promise<string[]> {
  const rows = (await command('show stat')).split('\n').map((row) => row.split(','))
  const status = rows[0]!.indexOf('status')
  return rows
    .filter((row) => /^node\d$/.test(row[1] ?? '') && ['UP', 'no check'].includes(row[status]!))
    .map(([name, node]) => `${name}/${node}`)
}

/** Requests that all clients of this file have sent. */
let sent = 0

/** Sends `count` requests by HTTP/2 and as many by HTTP/1.1. @returns the statuses */
async function requests(count: number): Promise<number[]> {
  sent += 2 * count
  const client = new Http2Client({ ...balancer, name: 'api.test', from: '127.9.9.9' })
  const statuses: number[] = []
  for (let i = 0; i < count; i++) statuses.push((await client.get('/public/2')).status, await overHttp1())
  return statuses
}

async function overHttp1(): Promise<number> {
  const { port, certificate: ca } = balancer
  const place = { host: '127.0.0.1', port, path: '/public/1', servername: 'api.test', ca }
  const [reply] = await once(get({ ...place, headers: { Host: 'api.test' }, agent: false }), 'response')
  reply.resume()
  return reply.statusCode
}

/** Waits until each log has all requests of this test file, and returns how many each node served. */
async function served(sum: number): Promise<[number, number]> {
  const counts = () => nodes.map((node) => node.accessLog().length) as [number, number]
  await until('the logs have all requests', () => counts()[0] + counts()[1] >= sum)
  return counts()
}

test('HAProxy with fixed addresses sends HTTP/1.1 and HTTP/2 requests to the running nodes, and none to a listed node that is down', async () => {
  expect(await usable()).toEqual(running)
  await until('both nodes have requests', async () => {
    expect(new Set(await requests(5))).toEqual(new Set([200]))
    return nodes.every((node) => node.accessLog().length > 0)
  })
})

test('a node that an operator drains in HAProxy gets no further request and no request fails, until it is set to ready', async () => {
  const both = (state: string) =>
    command(['nodes', 'nodes_http2'].map((name) => `set server ${name}/node1 state ${state}`).join('; '))
  expect((await both('drain')).trim()).toBe('')
  const [drained, other] = await served(sent)
  expect(new Set(await requests(10))).toEqual(new Set([200]))
  expect(await served(drained + other + 20)).toEqual([drained, other + 20])

  await both('ready')
  await until('HAProxy considers the drained node ready', async () => (await usable()).length === 4)
  await until('the node that was drained has a request', async () => {
    expect(new Set(await requests(2))).toEqual(new Set([200]))
    return (await served(sent))[0] > drained
  })
})
