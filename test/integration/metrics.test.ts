import { expect, test } from 'vitest'
import { startIssuer, testAudience } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { freePort } from '../kit/ports.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// docs/design/contract.md §12: values of /metrics after real traffic.

const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
const urls = { issuer: issuer.url, orders: orders.url }
const node = await startNode({
  policy: testPolicy(urls),
  settings: { probes: { listen: '127.0.0.1:0' } },
})
const read = () => readMetrics(node.adminPort)
const get = (target: string, token?: string) =>
  request(node.port, requestBytes({ target, ...(token === undefined ? {} : { token }) }))

test('the metrics count exchanges by route, decision and reason, with the same words as in the access log', async () => {
  const before = await read()
  await get('/orders/1', issuer.sign())
  await get('/orders/1', issuer.sign())
  await get('/orders/1')
  await get('/orders/1', 'x')
  await get('/nowhere')
  const after = await read()
  const grown = (labels: Record<string, string>) =>
    after.sum('gatehouse_requests_total', labels) - before.sum('gatehouse_requests_total', labels)

  expect(grown({ route: 'orders.read', decision: 'admitted', reason: 'admitted' })).toBe(2)
  expect(grown({ route: 'orders.read', decision: 'refused', reason: 'credential-missing' })).toBe(1)
  expect(grown({ route: 'orders.read', decision: 'refused', reason: 'token-malformed' })).toBe(1)
  expect(grown({ route: '', decision: 'refused', reason: 'route-unknown' })).toBe(1)
  expect(grown({})).toBe(5)
  expect(after.sum('gatehouse_token_verifications_total') - before.sum('gatehouse_token_verifications_total')).toBe(2)
  expect(after.sum('gatehouse_token_cache_entries') - before.sum('gatehouse_token_cache_entries')).toBe(2)
})

test('the metrics measure the time in the gate and the time in the service separately', async () => {
  const before = await read()
  await get('/public/page')
  await get('/orders/1')
  const after = await read()
  const grown = (name: string) => after.sum(name) - before.sum(name)

  expect(grown('gatehouse_gate_seconds_count')).toBe(2)
  expect(grown('gatehouse_upstream_seconds_count')).toBe(1)
  expect(after.sum('gatehouse_gate_seconds_bucket', { le: '+Inf' })).toBe(after.sum('gatehouse_gate_seconds_count'))
})

test('requests with many paths, hosts and methods add no metric series (S-145)', async () => {
  await get('/orders/1', issuer.sign())
  await get('/nowhere')
  const before = new Set((await read()).series)
  for (let i = 0; i < 200; i++) {
    await request(
      node.port,
      requestBytes({ method: i % 2 ? 'GET' : 'PUT', target: `/nowhere/${i}`, host: `h${i}.test` }),
    )
  }
  const later = (await read()).series.filter((series) => !before.has(series))

  expect(later).toEqual([])
})

/** Metrics of a node whose issuer is down, and whose services hold replies, are down, or are limited. */
const held = await startUpstream({ handler: () => {} })
const [noIssuer, noService] = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`) as [string, string]
const other = await startNode({
  policy: {
    version: 1,
    issuers: { main: { issuer: noIssuer, audience: [testAudience] } },
    services: Object.fromEntries(
      [
        { id: 'held', url: held.url, more: {} },
        { id: 'gone', url: noService, more: {} },
        {
          id: 'few',
          url: orders.url,
          more: { limits: [{ name: 'few', by: 'address', requests: 2, window: '1h' }] },
        },
      ].map(({ id, url, more }) => [
        id,
        { upstreams: [url], routes: [{ id, match: { path: `/${id}` }, require: 'public' }], ...more },
      ]),
    ),
  },
})
const readOther = () => readMetrics(other.adminPort)

test('the gauges of exchanges in progress and open connections rise during requests and then return to 0', async () => {
  const before = await readOther()
  const wire = await connect(other.port)
  await wire.send(requestBytes({ target: '/held' }))
  await held.next()

  const during = await readOther()
  expect(during.sum('gatehouse_in_flight')).toBe(1)
  expect(during.sum('gatehouse_connections')).toBe(1)
  wire.close()
  await expect.poll(async () => (await readOther()).sum('gatehouse_connections')).toBe(0)
  const after = await readOther()
  const grown = (name: string, labels: Record<string, string> = {}) =>
    after.sum(name, labels) - before.sum(name, labels)
  expect(after.sum('gatehouse_in_flight')).toBe(0)
  expect(grown('gatehouse_connections_opened_total')).toBe(1)
  expect(grown('gatehouse_requests_total', { decision: 'broken', reason: 'client-gone' })).toBe(1)
})

test('a policy change keeps the request counters and updates the policy metrics; an invalid change counts as rejected', async () => {
  await get('/orders/1')
  const before = await read()
  const counted = before.sum('gatehouse_requests_total', { route: 'orders.read' })
  expect(counted).toBeGreaterThan(0)

  const revision = node.writePolicy(testPolicy({ ...urls, ordersEntry: { timeouts: { connect: '3s' } } }))
  await node.waitForLine((line) => line['msg'] === 'policy changed' && line['revision'] === revision)
  await get('/orders/1')
  const after = await read()
  expect(after.sum('gatehouse_requests_total', { route: 'orders.read' })).toBe(counted + 1)
  expect(after.sum('gatehouse_policy_info', { revision })).toBe(1)
  expect(after.sum('gatehouse_policy_info')).toBe(1)
  expect(after.sum('gatehouse_policy_loaded_timestamp_seconds')).toBeGreaterThan(
    before.sum('gatehouse_policy_loaded_timestamp_seconds'),
  )

  node.writePolicy('version: 1\nservces: {}\n')
  await node.waitForLine(({ msg }) => msg === 'policy rejected; the policy in force stays active')
  const rejected = await read()
  expect(rejected.sum('gatehouse_policy_rejected_total')).toBe(1)
  expect(rejected.sum('gatehouse_policy_info', { revision })).toBe(1)
})

test('the metrics show that an issuer and an upstream are down', async () => {
  await expect.poll(async () => (await readOther()).sum('gatehouse_issuer_keys_failing', { issuer: 'main' })).toBe(1)
  let sent = 0
  let reading = await readOther()
  // The gate stops using an unreachable upstream for only one second. If the machine stalls, the test sends another
  // request.
  await until('the upstream rests', async () => {
    await request(other.port, requestBytes({ target: '/gone' }))
    sent++
    reading = await readOther()
    return reading.sum('gatehouse_upstream_resting', { service: 'gone', upstream: noService }) === 1
  })
  expect(reading.sum('gatehouse_requests_total', { reason: 'upstream-unreachable' })).toBe(sent)
  expect(reading.series.some((series) => series.startsWith('gatehouse_issuer_keys_age_seconds'))).toBe(false)
  const well = await read()
  expect(well.sum('gatehouse_issuer_keys', { issuer: 'main' })).toBe(1)
  expect(well.sum('gatehouse_issuer_keys_failing')).toBe(0)
})

test('rate limit metrics have the name of the limit as label, not the limited client', async () => {
  for (let i = 0; i < 5; i++) await request(other.port, requestBytes({ target: '/few' }))
  const reading = await readOther()
  const series = reading.series.filter((name) => name.startsWith('gatehouse_limit_requests_total'))

  expect(reading.sum('gatehouse_limit_requests_total', { outcome: 'admitted' })).toBe(2)
  expect(reading.sum('gatehouse_limit_requests_total', { outcome: 'refused' })).toBe(3)
  expect(reading.sum('gatehouse_requests_total', { reason: 'rate-limited' })).toBe(3)
  expect(series).toHaveLength(3)
})

test('the probe listener serves only probes and metrics, and accepts any Host', async () => {
  const { probes } = await node.waitForLine(({ msg }) => msg === 'node started')
  const port = Number(String(probes).split(':').at(-1))
  const probe = (target: string, method = 'GET') => request(port, requestBytes({ method, target, host: '10.1.2.3' }))

  expect((await readMetrics(port)).sum('gatehouse_ready')).toBe(1)
  for (const path of ['/livez', '/readyz', '/startupz', '/metrics']) expect((await probe(path)).status).toBe(200)
  for (const path of ['/', '/status', '/api/v1/nodes', '/api/v1/openapi.json', '/api']) {
    expect((await probe(path)).status).toBe(404)
  }
  expect((await probe('/metrics', 'POST')).status).toBe(405)
})
