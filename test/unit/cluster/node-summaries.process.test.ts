import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { NodeSummaries } from '../../../gateway/cluster/node-summaries.ts'
import { TrafficSummaries } from '../../../gateway/cluster/traffic-summaries.ts'
import { type EndedExchange, Traffic } from '../../../gateway/telemetry/traffic.ts'
import { TrafficWindows } from '../../../gateway/telemetry/traffic-windows.ts'
import { redisSettingsFor, testLink, testRedis, untilReady } from '../../kit/redis.ts'

// Each node publishes bounded summaries in Redis. Any node reads those of all nodes, and names the nodes without one.

const link = await testLink(redisSettingsFor((await testRedis()).port))
const client = link.client('receipt', 'test')
await untilReady(client)

let members: string[] = []
let nowMs: number
beforeEach(() => {
  nowMs = 1_000_000
})

function summariesOf(node: string, write = () => JSON.stringify({ from: node })): NodeSummaries<{ from: string }> {
  const kind = { topic: 'limits', pauseMs: () => 5000, schema: z.object({ from: z.string() }), write } as const
  const summaries = new NodeSummaries(kind, {
    node,
    client,
    keys: link.keys,
    members: async () => members,
    now: () => nowMs,
  })
  onTestFinished(() => summaries.close())
  return summaries
}

/** Reads past the time for which callers share one read. */
function read(summaries: NodeSummaries<{ from: string }>): Promise<readonly object[]> {
  nowMs += 1001
  return summaries.read()
}

test('the list of node summaries contains a killed node without a summary for one minute, and then omits it', async () => {
  members = ['k1', 'k2']
  const [own, killed] = [summariesOf('k1'), summariesOf('k2')]
  await Promise.all([own.publish(), killed.publish()])
  expect(await read(own)).toEqual([
    { node: 'k1', body: { from: 'k1' } },
    { node: 'k2', body: { from: 'k2' } },
  ])
  expect(await client.call('PTTL', link.keys.summary('limits', 'k2'))).toBeLessThanOrEqual(10_000)
  // The lease of the killed node ends, and its summary expires.
  members = ['k1']
  await client.call('DEL', link.keys.summary('limits', 'k2'))
  expect(await read(own)).toContainEqual({ node: 'k2', body: undefined })
  nowMs += 60_000
  expect(await read(own)).toEqual([{ node: 'k1', body: { from: 'k1' } }])
})

test('the list of node summaries omits a node that left the cluster', async () => {
  members = ['l1', 'l2']
  const [own, leaving] = [summariesOf('l1'), summariesOf('l2')]
  await Promise.all([own.publish(), leaving.publish()])
  expect(await read(own)).toHaveLength(2)
  members = ['l1']
  await leaving.close()
  expect(await read(own)).toEqual([{ node: 'l1', body: { from: 'l1' } }])
})

test('the list of node summaries contains a node again that left and returned with the same id', async () => {
  members = ['r1']
  await summariesOf('r2').close()
  members = ['r1', 'r2']
  const own = summariesOf('r1')
  expect(await read(own)).toContainEqual({ node: 'r2', body: undefined })
  await summariesOf('r2').publish()
  expect(await read(own)).toContainEqual({ node: 'r2', body: { from: 'r2' } })
})

test('callers within one second share one read of the node summaries from Redis', async () => {
  members = ['s1']
  const own = summariesOf('s1')
  await own.publish()
  const [first, second] = [own.read(), own.read()]
  expect(second).toBe(first)
  nowMs += 1001
  expect(own.read()).not.toBe(first)
  await first
})

test.each([
  ['no JSON', '{'],
  ['of another version', '{"to":1}'],
  ['larger than 64 KiB', JSON.stringify({ from: 'x'.repeat(65 * 1024) })],
])('the list of node summaries contains a node without a summary if its summary in Redis is %s', async (_, stored) => {
  members = ['v1', 'v2']
  await client.call('SET', link.keys.summary('limits', 'v2'), stored)
  expect(await read(summariesOf('v1'))).toContainEqual({ node: 'v2', body: undefined })
})

test('the traffic summary of a node with 5,000 busy routes is at most 64 KiB, lists the routes with trouble, and counts every request', async () => {
  const traffic = new Traffic()
  const ids = Array.from({ length: 5000 }, (_, i) => `service-${i % 50}.route-${i}`)
  traffic.retain(ids)
  let atMs = 60_000_000_010
  const windows = new TrafficWindows(
    () => traffic.routes(),
    () => atMs,
  )
  const count = (id: string, reason: EndedExchange['reason'], status: number) => {
    const times = { startedAt: performance.now(), forwardedAt: 0, repliedAt: 0 }
    const head = { version: '1.1', grpc: false } as const
    traffic.count({ route: { id }, reason, status, ...times, head, downstream: { bytesIn: 0, bytesOut: 0 } })
  }
  for (let step = 0; step < 60; step++) {
    for (const id of ids) count(id, 'admitted', 200)
    if (step === 30) count('service-49.route-4999', 'upstream-unreachable', 502)
    if (step === 31) count('service-0.route-2500', 'credential-missing', 401)
    atMs += 2000
    windows.read()
  }
  const shared = { client, keys: link.keys, members: async () => ['big'] }
  const serviceOf = (route: string) => route.split('.')[0]
  const summaries = new TrafficSummaries({ node: 'big', windows, serviceOf, inFlight: () => new Map(), shared })
  onTestFinished(() => summaries.close())
  await summaries.publish()

  expect(Number(await client.call('STRLEN', link.keys.summary('traffic', 'big')))).toBeLessThanOrEqual(64 * 1024)
  const { nodes, routes, others, summed } = await summaries.read()
  expect(nodes).toHaveLength(1)
  expect(routes.map(({ route }) => route)).toContain('service-49.route-4999')
  expect(routes.map(({ route }) => route)).toContain('service-0.route-2500')
  expect(routes.length).toBeGreaterThan(30)
  expect(routes.length + summed).toBe(5000)
  const listed = routes.reduce((sum, { row }) => sum + row.requests, 0)
  const inWindow = windows.read().routes.reduce((sum, { trouble: { requests } }) => sum + requests, 0)
  expect(listed + others.requests).toBe(inWindow)
  const all = [...routes.map(({ row }) => row), others]
  expect(all.reduce((sum, { series }) => sum + series.requests.reduce((a, b) => a + b, 0), 0)).toBe(5000 * 60 + 2)
})
