import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { exchangeClient, ordersResource, startExchangeProvider, type TokenScript } from '../kit/exchange-provider.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

// The token of the gate for a service expires under load while its issuer (oidc-provider) is down for 60 s around the
// end of the token. 3 nodes, a worker, 50 requests per second, 3 minutes. Prints the counts.
//
//   npm run chaos -- test/chaos/upstream-credential.chaos.ts
//   CHAOS_LIFETIME_S=30 CHAOS_DOWN_S=20 npm run chaos -- test/chaos/upstream-credential.chaos.ts     shorter

const { CHAOS_LIFETIME_S = '60', CHAOS_DOWN_S = '60' } = process.env
const LIFETIME_S = Number(CHAOS_LIFETIME_S)
const DOWN_S = Number(CHAOS_DOWN_S)
const NODES = 3
const REQUESTS_PER_S = 50

test('while its issuer is down, a token with which the gate calls a service is used under load without a failed request until it expires; requests succeed again once the issuer is back', async () => {
  const provider = await startExchangeProvider()
  provider.tokenS = LIFETIME_S
  let grantedAtMs = 0
  const observe = (reply?: TokenScript) => () => {
    if (reply === undefined) grantedAtMs = Date.now()
    return reply
  }
  provider.script = observe()
  let expired = 0
  const upstream = await startUpstream({
    handler: (got, response) => {
      const { exp, aud } = decodeJwt((got.all('authorization')[0] ?? '').slice('Bearer '.length))
      const valid = aud === ordersResource && exp! * 1000 > Date.now()
      if (!valid) expired++
      response.writeHead(valid ? 200 : 401).end()
    },
  })
  const redis = await testRedis()
  const credentials = {
    type: 'client_credentials',
    issuer: 'corp',
    client_id: exchangeClient.id,
    client_secret: { env: 'SECRET' },
    scopes: ['orders:read'],
    resource: [ordersResource],
  }
  const routes = [{ id: 'open', match: { path: '/open' }, require: 'public' }]
  const options = (id: string) => ({
    policy: {
      version: 1,
      issuers: { corp: { issuer: provider.url, audience: ['https://api.test'] } },
      services: { orders: { upstreams: [upstream.url], credentials, routes } },
    },
    settings: {
      node: { id },
      log: { access: false },
      redis: { url: `redis://127.0.0.1:${redis.port}` },
      keys: { assertion: [], encryption: [{ id: 'k1', secret: { env: 'KEY' } }] },
    },
    env: { SECRET: exchangeClient.secret, KEY: Buffer.alloc(32, 9).toString('base64url') },
  })
  const worker = await startWorker(options('worker'))
  const nodes = await Promise.all(Array.from({ length: NODES }, (_, i) => startNode(options(`n${i + 1}`))))

  const replies: { readonly atMs: number; readonly status: number }[] = []
  const running: Promise<unknown>[] = []
  const load = async (untilMs: number): Promise<void> => {
    for (let i = 0; Date.now() < untilMs; i++) {
      const atMs = Date.now()
      const reply = request(nodes[i % NODES]!.port, requestBytes({ target: '/open' }))
      running.push(reply.then(({ status }) => replies.push({ atMs, status })))
      await sleep(1000 / REQUESTS_PER_S)
    }
  }
  // Steady state: at least one renewal by the worker.
  await load(Date.now() + LIFETIME_S * 1000)
  const before = provider.asked.length
  // The issuer fails so that the end of the token lies in the middle of the outage.
  const endMs = grantedAtMs + LIFETIME_S * 1000
  await load(endMs - (DOWN_S * 1000) / 2)
  provider.script = observe({ status: 503, body: '{}' })
  const downMs = Date.now()
  await load(downMs + DOWN_S * 1000)
  const during = provider.asked.length - before
  provider.script = observe()
  const upMs = Date.now()
  await load(upMs + 20_000)
  await Promise.all(running)

  const failed = replies.filter(({ status }) => status !== 200)
  const firstFailureMs = Math.min(...failed.map(({ atMs }) => atMs))
  const lastFailureMs = Math.max(...failed.map(({ atMs }) => atMs))
  const counts = await Promise.all(nodes.map(({ adminPort }) => readMetrics(adminPort)))
  const ofNodes = (outcome: string) =>
    counts.reduce((sum, each) => sum + each.sum('gatehouse_service_grants_total', { outcome }), 0)
  console.log({
    requests: replies.length,
    failed: failed.length,
    statuses: [...new Set(failed.map(({ status }) => status))],
    expiredTokensAtService: expired,
    validAfterFailureOfIssuerS: (firstFailureMs - downMs) / 1000,
    recoveryS: (lastFailureMs - upMs) / 1000,
    tokenRequestsDuringOutage: during,
    tokenRequestsInAll: provider.asked.length,
    renewalsByWorker: worker.done.filter((result) => result === 'renewed').length,
    grantedByNodes: ofNodes('granted'),
    repeatedByNodes: ofNodes('repeated'),
  })

  expect(failed.map(({ status }) => status).every((status) => status === 503)).toBe(true)
  expect(expired).toBe(0)
  expect(failed.length).toBeGreaterThan(0)
  expect(firstFailureMs).toBeGreaterThanOrEqual(endMs - 2500)
  expect(replies.at(-1)?.status).toBe(200)
})
