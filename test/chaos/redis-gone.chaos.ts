import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { foundEpoch, maxStalenessMs, startNodes } from '../kit/node-cluster.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { until } from '../kit/until.ts'
import { openSocket } from '../kit/websocket-client.ts'
import { WebSocketService } from '../kit/websocket-service.ts'

// Redis is unreachable for 20 s, while messages are sent over WebSockets in both directions. The nodes hold them after
// max_staleness, and relay them in order once Redis is back. None is lost.
//
//   npm run chaos -- redis-gone

const SOCKETS = 60
const GONE_MS = 20_000
const PAUSE_MS = 100

const redis = await testRedis()
const link = await testLink(redisSettingsFor(redis.port))
await foundEpoch(link)
const relay = await RedisRelay.start(redis.port)
const [issuer, service] = [await startIssuer(), await WebSocketService.start({ echo: false })]
const nodes = await startNodes({
  nodes: 2,
  policy: testPolicy({
    issuer: issuer.url,
    orders: service.url,
    ordersEntry: {
      routes: [{ id: 'live', match: { path: '/live/**' }, require: { scopes: { all: ['live'] } }, websocket: {} }],
    },
  }),
  redis: { url: `redis://127.0.0.1:${relay.port}/0` },
  settings: { streams: { hold: '60s' } },
})

test('while Redis is unreachable for 20 s, the gate relays no WebSocket messages; after that, every message arrives in order', async () => {
  const pairs = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, i) => {
      const path = `/live/${i}`
      const token = issuer.sign({ claims: { sub: `subject-${i}`, scope: 'live' } })
      const client = await openSocket(nodes[i % nodes.length]!.port, path, { token })
      return { client, served: await service.socketAt(path) }
    }),
  )
  let sent = 0
  let sending = true
  /** Number of messages that had arrived at each time, both directions together. */
  const samples: { readonly atMs: number; readonly arrived: number }[] = []
  const arrived = (): number =>
    pairs.reduce((sum, { client, served }) => sum + client.messages.length + served.messages.length, 0)
  const startedAt = performance.now()
  const traffic = (async () => {
    while (sending) {
      sent++
      for (const { client, served } of pairs) {
        client.ws.send(String(sent))
        served.ws.send(String(sent))
      }
      await sleep(PAUSE_MS)
      samples.push({ atMs: performance.now() - startedAt, arrived: arrived() })
    }
  })()
  await until('messages arrive', () => arrived() > 10 * SOCKETS)
  const cutMs = performance.now() - startedAt
  relay.cut()
  await sleep(GONE_MS)
  const backMs = performance.now() - startedAt
  relay.mend()
  await until('held messages arrive', () => arrived() > samples.at(-1)!.arrived + 2 * SOCKETS)
  const relayedMs = performance.now() - startedAt
  sending = false
  await traffic
  await until('all messages arrive', () => arrived() === 2 * SOCKETS * sent, 60_000)

  const numbers = Array.from({ length: sent }, (_, i) => String(i + 1))
  for (const { client, served } of pairs) {
    expect(client.messages).toEqual(numbers)
    expect(served.messages).toEqual(numbers)
    expect(client.closed).toBeUndefined()
  }
  // Allow one second for timers and checks on a busy machine.
  const held = samples.filter(({ atMs }) => atMs > cutMs + maxStalenessMs + 1000 && atMs < backMs)
  console.log({
    sockets: SOCKETS,
    messages: 2 * SOCKETS * sent,
    held_samples: held.length,
    relayed_again_ms: Math.round(relayedMs - backMs),
  })
  expect(held.length).toBeGreaterThan(10)
  expect(new Set(held.map((sample) => sample.arrived)).size).toBe(1)
})
