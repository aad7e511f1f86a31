import { expect, test } from 'vitest'
import { TestEnvoy } from '../kit/envoy.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'

// The stream of an ext_authz check above 256 KiB stayed paused after its reply. It counted against `max_streams` for
// 10 s, and Node.js refused other checks on the connection with ENHANCE_YOUR_CALM.

const issuer = await startIssuer()
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: 'http://127.0.0.1:9' }),
  settings: {
    listen_h2: { address: '127.0.0.1:0', tls: false, ext_authz: true },
    check: { peers: ['127.0.0.1'] },
  },
})

/** Shorter than the 10 s after which the gate ends a paused stream, ms. */
const LIMIT_MS = 8000

test('the stream of an oversized ext_authz check ends with its reply, and the connection admits the next check', async () => {
  const envoy = new TestEnvoy(node.http2Port)
  const large = envoy.encode({ attributes: { request: { http: { body: 'x'.repeat(2_000_000) } } } })
  const open = async () => (await readMetrics(node.adminPort)).sum('gatehouse_http2_streams')
  expect((await envoy.call(large)).denied_response?.status.code).toBe(431)
  await until('the end of the stream', async () => (await open()) === 0, LIMIT_MS)

  expect((await envoy.check({ path: '/public/1' })).admitted).toBe(true)
})
