import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { HeldConnection } from '../kit/held-connection.ts'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startWorker } from '../kit/worker.ts'

// Opaque tokens in steady use with a slow issuer and one worker. Runs only with GATEHOUSE_TEST_LONG=1 (README.md);
// opaque.test.ts has the short variant.

const long = process.env['GATEHOUSE_TEST_LONG'] === '1'
const issuerMs = 200
const connections = 20

interface Steady {
  readonly tokens: number
  readonly perSecond: number
  readonly cacheS: number
  readonly seconds: number
}

interface Outcome {
  readonly statuses: Readonly<Record<string, number>>
  /** Number of requests that spent at least `issuerMs` in the gate, the time of one introspection reply. */
  readonly waited: number
  /** Average number of introspections per token and cache period. */
  readonly perPeriod: number
  readonly mostPerPeriod: number
  readonly requestsPerSecond: number
}

async function use({ tokens: count, perSecond, cacheS, seconds }: Steady): Promise<Outcome> {
  const issuer = await startIntrospectionIssuer()
  const orders = await startUpstream({ handler: (_, response) => void response.end('ok') })
  const options = opaqueGate({
    issuer: issuer.url,
    orders: orders.url,
    redisPort: (await testRedis()).port,
    introspection: { cache: `${cacheS}s`, timeout: '2s', rate: 1000 },
    // All tokens are first used within one second, so their first cache periods end at about the same time.
    settings: { worker: { concurrency: 64 } },
  })
  const [node] = await Promise.all([startNode(options), startWorker(options)])
  const tokens = Array.from({ length: count }, () => issuer.issue())
  const held = await Promise.all(Array.from({ length: connections }, () => HeldConnection.open(node.port, '/orders/1')))

  let next = 0
  const statuses: Record<string, number> = {}
  const run = async (requests: number, everyMs: number): Promise<void> => {
    const clients = held.map(async (connection, i) => {
      const startedAt = performance.now() + (i * everyMs) / connections
      for (let sent = 0; sent < requests / connections; sent++) {
        await sleep(startedAt + sent * everyMs - performance.now())
        const status = await connection.status(tokens[next++ % count])
        statuses[status] = (statuses[status] ?? 0) + 1
      }
    })
    await Promise.all(clients)
  }
  await run(count, (1000 * connections) / perSecond)
  issuer.delayMs = issuerMs
  const [from, asked, startedAt] = [node.accessLog().length, issuer.asked.length, performance.now()]
  await run(perSecond * seconds, (1000 * connections) / perSecond)
  const elapsedS = (performance.now() - startedAt) / 1000

  const introspections = Map.groupBy(issuer.asked.slice(asked), ({ token }) => token)
  const times = [...introspections.values()].map(({ length }) => length)
  orders.requests.length = 0
  return {
    statuses,
    waited: node
      .accessLog()
      .slice(from)
      .filter(({ gate_ms }) => Number(gate_ms) >= issuerMs).length,
    perPeriod: times.reduce((sum, n) => sum + n, 0) / count / (elapsedS / cacheS),
    mostPerPeriod: Math.max(...times) / (elapsedS / cacheS),
    requestsPerSecond: Math.round((perSecond * seconds) / elapsedS),
  }
}

test.runIf(long)(
  'with 1,000 opaque tokens at 1,000 requests/s for 3 min, no request waits for introspection, and workers introspect each token less than 1.5 times per cache period',
  { timeout: 400_000 },
  async () => {
    const outcome = await use({ tokens: 1000, perSecond: 1000, cacheS: 30, seconds: 180 })
    console.log(outcome)
    expect(Object.keys(outcome.statuses)).toEqual(['200'])
    expect(outcome.waited).toBe(0)
    // Workers introspect a token before its cache period ends, so the average is slightly above 1.
    expect(outcome.perPeriod).toBeLessThan(1.5)
  },
)
