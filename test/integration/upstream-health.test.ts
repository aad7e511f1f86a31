import { expect, test } from 'vitest'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/guide/upstreams.md: an upstream that fails its health checks gets no calls while another one is available.

/** Upstreams that fail their checks. */
const sick = new Set<TestUpstream>()

const checkable = () => {
  const upstream = startUpstream({
    handler: async ({ url }, response) => {
      response.statusCode = url === '/healthz' && sick.has(await upstream) ? 503 : 200
      response.end()
    },
  })
  return upstream
}

const [one, two] = [await checkable(), await checkable()]
const health = { path: '/healthz', interval: '1s', healthy: 1, unhealthy: 2 }
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [one.url, two.url], entry: { health, slow_start: 'none' } } }),
})

const callsOf = ({ requests }: TestUpstream) => requests.filter(({ url }) => url !== '/healthz').length

async function callsDuring(upstream: TestUpstream): Promise<number> {
  const before = callsOf(upstream)
  for (let n = 0; n < 20; n++) {
    expect(
      (await request(node.port, requestBytes({ target: '/s/1', fields: [['Authorization', 'Bearer x']] }))).status,
    ).toBe(200)
  }
  return callsOf(upstream) - before
}

async function isIn(state: string, upstream: TestUpstream): Promise<boolean> {
  const labels = { service: 's', upstream: upstream.url, state }
  return (await readMetrics(node.adminPort)).sum('gatehouse_upstream_state', labels) === 1
}

test('an upstream that fails its health checks gets no requests until the checks pass again, or all upstreams fail', async () => {
  await until('both upstreams were checked', () => [one, two].every(({ requests }) => requests.length > 0))
  expect(await callsDuring(one)).toBeGreaterThan(0)

  sick.add(one)
  await until('one upstream is failing', () => isIn('failing', one))
  expect(await callsDuring(one)).toBe(0)
  expect(await isIn('up', two)).toBe(true)

  sick.add(two)
  await until('both upstreams are failing', () => isIn('failing', two))
  expect((await callsDuring(one)) + (await callsDuring(two))).toBeGreaterThan(0)

  sick.clear()
  await until('both upstreams are up', async () => (await isIn('up', one)) && (await isIn('up', two)))
  expect(await callsDuring(one)).toBeGreaterThan(0)
})

test('the metrics count health checks of an upstream by result, and the log has each change of its state', async () => {
  const labels = { service: 's', upstream: one.url }
  const metrics = await readMetrics(node.adminPort)

  expect(metrics.sum('gatehouse_upstream_checks_total', { ...labels, result: 'status' })).toBeGreaterThanOrEqual(2)
  expect(metrics.sum('gatehouse_upstream_checks_total', { ...labels, result: 'passed' })).toBeGreaterThanOrEqual(1)
  const fails = await node.waitForLine((line) => line['msg'] === 'upstream fails its health checks')
  expect(fails).toMatchObject({ service: 's', upstream: one.url, check: 'status 503, expected 200-299' })
  await node.waitForLine((line) => line['msg'] === 'upstream passes its health checks again')
})

test('the health checks of an upstream contain no credential and no field of a client', () => {
  const checks = one.requests.filter(({ url }) => url === '/healthz')

  for (const { fields } of checks) {
    expect(fields.map(([name]) => name)).toEqual(['host', 'connection', 'user-agent', 'accept'])
  }
})
