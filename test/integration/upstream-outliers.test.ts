import { expect, test } from 'vitest'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/guide/upstreams.md: an upstream whose calls fail more than those of the other upstreams is ejected for a time.

const light = await startUpstream()
const heavy = await startUpstream()
const healthy = [light.url, heavy.url]
const resetting = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  wire.reset()
})
let calls = 0
const failing = await startUpstream({
  handler: (_, response) => {
    response.statusCode = calls++ % 2 === 0 ? 500 : 200
    response.end()
  },
})
const node = await startNode({
  policy: publicPolicy({
    resets: { upstreams: [...healthy, resetting.url], entry: { ejection: { time: '1h', max_time: '1h' } } },
    errors: { upstreams: [...healthy, failing.url], entry: { ejection: { time: '1h', max_time: '1h' } } },
    never: { upstreams: [healthy[0]!, resetting.url], entry: { ejection: 'none' } },
    weights: { upstreams: [light.url, { url: heavy.url, weight: 100 }] },
  }),
})

const call = (target: string) => request(node.port, requestBytes({ target }))

async function stateOf(service: string, upstream: string, state: string): Promise<boolean> {
  const reading = await readMetrics(node.adminPort)
  return reading.sum('gatehouse_upstream_state', { service, upstream, state }) === 1
}

test('an upstream that resets five connections in a row is ejected, and gets no more requests', async () => {
  await until('the upstream that resets connections is ejected', async () => {
    for (let n = 0; n < 20; n++) await call('/resets/1')
    return stateOf('resets', resetting.url, 'ejected')
  })
  const before = resetting.received.length
  for (let n = 0; n < 30; n++) expect((await call('/resets/1')).status).toBe(200)

  expect(resetting.received).toHaveLength(before)
  expect(await stateOf('resets', resetting.url, 'ejected')).toBe(true)
  expect(await stateOf('resets', healthy[0]!, 'up')).toBe(true)
  const cause = { service: 'resets', upstream: resetting.url, cause: 'failures' }
  expect((await readMetrics(node.adminPort)).sum('gatehouse_upstream_ejections_total', cause)).toBe(1)
  await node.waitForLine((line) => line['msg'] === 'upstream ejected' && line['service'] === 'resets')
})

test('an upstream that replies 500 to half of its requests is ejected, because the others do not', async () => {
  await until('the upstream with errors is ejected', async () => {
    await Promise.all(Array.from({ length: 30 }, () => call('/errors/1')))
    return stateOf('errors', failing.url, 'ejected')
  })
  const before = calls
  for (let n = 0; n < 30; n++) expect((await call('/errors/1')).status).toBe(200)
  expect(calls).toBe(before)
})

test('an upstream of a service with `ejection: none` is never ejected', async () => {
  const before = resetting.received.length
  await until('the upstream has reset six connections', async () => {
    await call('/never/1')
    return resetting.received.length >= before + 6
  })
  expect(await stateOf('never', resetting.url, 'ejected')).toBe(false)
})

test('an upstream with a hundred times the weight gets nearly all requests', async () => {
  const before = heavy.requests.length
  for (let n = 0; n < 60; n++) expect((await call('/weights/1')).status).toBe(200)
  expect(heavy.requests.length - before).toBeGreaterThan(40)
})
