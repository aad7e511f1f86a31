import { Agent, request } from 'node:http'
import { beforeAll, expect, test } from 'vitest'
import { startIssuer, type TestIssuer, testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { signingKey } from '../kit/signing-key.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

// A token whose verification fails is charged to the client address; a request without a token or with a valid token is
// not charged. After the limit, the phase `limit-address` replies 429 to tokens that need verification. Attack cases
// S-134, S-115.

const BURST = 40

let issuer: TestIssuer
let upstream: TestUpstream
let node: TestNode

beforeAll(async () => {
  issuer = await startIssuer()
  upstream = await startUpstream()
  node = await startNode({
    policy: `
version: 1
issuers: { main: { issuer: "${issuer.url}", audience: ["${testAudience}"] } }
services:
  orders:
    upstreams: ["${upstream.url}"]
    credentials: none
    routes:
      - { id: read, match: { path: /orders/** }, require: { scopes: { all: [read] } } }
      - { id: open, match: { path: /open/** }, require: public }
`,
    settings: { limits: { address: { per_second: 0.1, burst: BURST } } },
  })
})

const agents = new Map<string, Agent>()

function ask(
  path: string,
  token: string | undefined,
  localAddress: string,
): Promise<{ status: number; retry: unknown }> {
  const agent = agents.get(localAddress) ?? new Agent({ keepAlive: true, maxSockets: 8, localAddress })
  agents.set(localAddress, agent)
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    request({ host: '127.0.0.1', port: node.port, path, headers, agent }, (response) => {
      response.resume()
      response.on('end', () => resolve({ status: response.statusCode!, retry: response.headers['retry-after'] }))
    })
      .on('error', reject)
      .end()
  })
}

const good = (subject: string) => issuer.sign({ claims: { sub: subject, scope: 'read' } })

test('S-134: when invalid tokens have exhausted the limit of an address, the gate replies 429 to new tokens of the address without verifying them, and still admits tokens verified before, public requests and other addresses', async () => {
  const forger = signingKey('ES256', issuer.keys[0]!.kid)
  const known = good('known')
  const spent = 300
  expect((await ask('/orders/1', known, '127.0.0.1')).status).toBe(200)

  const statuses = new Map<number, number>()
  let retry: unknown
  const forged = Array.from({ length: spent }, (_, i) =>
    issuer.sign({ claims: { sub: `f${i}`, scope: 'read' }, key: forger }),
  )
  const startedMs = performance.now()
  await Promise.all(
    forged.map(async (token) => {
      const reply = await ask('/orders/1', token, '127.0.0.1')
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
      if (reply.status === 429) retry = reply.retry
    }),
  )

  // Up to 8 requests (one per connection) can be in verification when the limit is exhausted; they get 401 too.
  expect(statuses.get(401)).toBeGreaterThanOrEqual(BURST)
  // The limit refills by 0.1 requests per second.
  const refilled = Math.ceil((performance.now() - startedMs) / 10_000)
  expect(statuses.get(401)).toBeLessThanOrEqual(BURST + 8 + refilled)
  expect((statuses.get(401) ?? 0) + (statuses.get(429) ?? 0)).toBe(spent)
  expect(retry).toBe('10')
  await until('a new valid token is refused', async () => {
    // Uses up the failed verification that the limit has added meanwhile (0.1 per second).
    await ask('/orders/1', issuer.sign({ claims: { sub: 'more', scope: 'read' }, key: forger }), '127.0.0.1')
    return (await ask('/orders/1', good('new'), '127.0.0.1')).status === 429
  })
  expect((await ask('/orders/1', known, '127.0.0.1')).status).toBe(200)
  expect((await ask('/open/1', undefined, '127.0.0.1')).status).toBe(200)
  expect((await ask('/orders/1', good('elsewhere'), '127.0.0.2')).status).toBe(200)
  expect((await node.waitForRecord((one) => one['status'] === 429))['reason']).toBe('address-limited')
})

test('the gate does not charge the address limit for requests without a token, or with a token that is rejected before its signature is verified', async () => {
  const expired = issuer.sign({ claims: { sub: 'x', exp: 1 } })
  for (let i = 0; i < BURST * 2; i++) {
    expect((await ask('/orders/1', i % 2 === 0 ? expired : 'no.jwt', '127.0.0.3')).status).toBe(401)
    expect((await ask('/orders/1', undefined, '127.0.0.3')).status).toBe(401)
  }

  expect((await ask('/orders/1', good('late'), '127.0.0.3')).status).toBe(200)
})
