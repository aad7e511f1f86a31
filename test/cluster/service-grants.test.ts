import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt, type JWTPayload } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import {
  type ExchangeProvider,
  exchangeClient,
  ordersResource,
  startExchangeProvider,
} from '../kit/exchange-provider.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { startWorker, type TestWorker } from '../kit/worker.ts'

// The token of the gate for a service expires under load while its issuer is unavailable: no request fails while the
// token is valid, then requests get 503, and the cluster recovers by itself. The issuer is oidc-provider. The service
// accepts a request only with a token that is valid at that moment.

const nodeCount = 3
const key = Buffer.alloc(32, 9).toString('base64url')

const seen: { readonly atMs: number; readonly claims: JWTPayload }[] = []
let provider: ExchangeProvider
let upstream: TestUpstream
let nodes: TestNode[]
let worker: TestWorker

beforeAll(async () => {
  provider = await startExchangeProvider()
  provider.tokenS = 12
  upstream = await startUpstream({
    handler: (got, response) => {
      const [scheme, token] = (got.all('authorization')[0] ?? '').split(' ')
      const claims = scheme === 'Bearer' ? decodeJwt(token!) : {}
      seen.push({ atMs: Date.now(), claims })
      const valid =
        claims.aud === ordersResource && claims['client_id'] === exchangeClient.id && claims.exp! * 1000 > Date.now()
      response.writeHead(valid ? 200 : 401).end()
    },
  })
  const redis = await testRedis()
  const common = {
    policy: {
      version: 1,
      issuers: { corp: { issuer: provider.url, audience: ['https://api.test'] } },
      services: {
        orders: {
          upstreams: [upstream.url],
          credentials: {
            type: 'client_credentials',
            issuer: 'corp',
            client_id: exchangeClient.id,
            client_secret: { env: 'SECRET' },
            scopes: ['orders:read'],
            resource: [ordersResource],
          },
          routes: [{ id: 'open', match: { path: '/open' }, require: 'public' }],
        },
      },
    },
    settings: {
      redis: { url: `redis://127.0.0.1:${redis.port}` },
      keys: { assertion: [], encryption: [{ id: 'k1', secret: { env: 'KEY' } }] },
    },
    env: { SECRET: exchangeClient.secret, KEY: key },
  }
  worker = await startWorker(common)
  nodes = await Promise.all(
    Array.from({ length: nodeCount }, (_, i) => {
      const settings = { ...common.settings, node: { id: `n${i + 1}` }, log: { access: false } }
      return startNode({ ...common, settings })
    }),
  )
})

interface Reply {
  /** Time at which the reply was complete. */
  readonly atMs: number
  readonly status: number
  readonly code: string
}

/** Sends requests to all nodes in turn, one every 20 ms, until `ended` returns true. */
async function load(ended: () => boolean): Promise<Reply[]> {
  const replies: Promise<Reply>[] = []
  for (let i = 0; !ended(); i++) {
    const reply = request(nodes[i % nodeCount]!.port, requestBytes({ target: '/open' }))
    replies.push(reply.then(({ status, text }) => ({ atMs: Date.now(), status, code: text })))
    await sleep(20)
  }
  return Promise.all(replies)
}

/** Number of tokens that the issuer granted to the nodes, by their metrics. */
async function grantedTokens(): Promise<number> {
  const readings = await Promise.all(nodes.map(({ adminPort }) => readMetrics(adminPort)))
  const counts = readings.flatMap((reading) =>
    ['granted', 'repeated'].map((outcome) => reading.sum('gatehouse_service_grants_total', { outcome })),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

const get = (node: TestNode) => request(node.port, requestBytes({ target: '/open' }))

test('while its issuer is down, a token with which the gate calls a service is used without a failed request until it expires; then requests get 503, and succeed again once the issuer is back', async () => {
  const [askedBefore, grantedBefore] = [provider.asked.length, await grantedTokens()]
  for (const node of nodes) expect((await get(node)).status).toBe(200)
  expect((await grantedTokens()) - grantedBefore).toBe(provider.asked.length - askedBefore)
  // Usually 1. A node whose Redis connection is late on a busy machine requests a second token.
  expect(provider.asked.length - askedBefore).toBeLessThan(nodeCount)

  let over = false
  const running = load(() => over)
  const { granted, outageEndMs } = await outage().finally(() => {
    provider.script = undefined
    over = true
  })
  const replies = await running

  // No request got another status: in particular, no expired token reached the service, which would be a 401.
  expect([...new Set(replies.map(({ status }) => status))].sort()).toEqual([200, 503])
  const [firstFailed] = replies.filter(({ status }) => status === 503)
  expect(firstFailed!.code).toContain('"code":"unavailable"')
  // The last token before the outage was used after its renewal was due, 4 s before its end, and the issuer granted no
  // token during the outage. The gate counts the lifetime from before its request, which can take seconds on a busy
  // machine, so that the gate's end of the token is earlier than `exp`.
  const endMs = Math.max(...tokensOf(outageEndMs).map(({ exp }) => exp! * 1000))
  expect(firstFailed!.atMs).toBeGreaterThanOrEqual(endMs - 3500)
  // After the outage the nodes share a token.
  const later = tokensOf(Date.now()).filter(({ exp }) => exp! * 1000 > endMs)
  expect(new Set(later.map(({ jti }) => jti)).size).toBeLessThan(nodeCount)
  expect(provider.asked.length).toBeGreaterThan(granted)
})

/** Makes the issuer fail after a renewal by the worker, until the token has ended, and waits until all nodes recover. */
async function outage(): Promise<{ granted: number; outageEndMs: number }> {
  const renewed = worker.done.filter((result) => result === 'renewed').length
  await until('a renewal by the worker', () => worker.done.filter((result) => result === 'renewed').length > renewed)
  provider.script = () => ({ status: 503, body: '{}' })
  await until('the end of the token', async () => (await get(nodes[0]!)).status === 503)
  const granted = provider.asked.length
  const outageEndMs = Date.now()
  provider.script = undefined
  for (const node of nodes) await until('a reply of the service', async () => (await get(node)).status === 200)
  return { granted, outageEndMs }
}

/** Claims of the tokens that the service received before a time. */
function tokensOf(beforeMs: number): JWTPayload[] {
  return seen.filter(({ atMs }) => atMs < beforeMs).map(({ claims }) => claims)
}
