import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { auditRecords } from '../kit/audit-records.ts'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { rulesFor } from '../kit/issuer-rules.ts'
import {
  foundEpoch,
  maxStalenessMs,
  startNodeProcesses,
  startRevocationService,
  type TestService,
} from '../kit/node-cluster.ts'
import type { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { until } from '../kit/until.ts'
import { type OpenedSocket, openSocket } from '../kit/websocket-client.ts'
import { type ServiceSocket, WebSocketService } from '../kit/websocket-service.ts'

// A WebSocket ends with the token that admitted it, on every node. While a node cannot know, it relays no message.

let issuer: TestIssuer
let upstream: WebSocketService
let nodes: NodeProcess[]
let service: TestService
let relay: RedisRelay
let link: RedisLink

beforeAll(async () => {
  const redis = await testRedis()
  link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  relay = await RedisRelay.start(redis.port)
  issuer = await startIssuer()
  upstream = await WebSocketService.start({ echo: false })
  const route = { id: 'live', match: { path: '/live/**' }, require: { scopes: { all: ['live'] } }, websocket: {} }
  nodes = await startNodeProcesses({
    nodes: 2,
    policy: testPolicy({
      issuer: issuer.url,
      orders: upstream.url,
      main: { clock_tolerance: '0s' },
      ordersEntry: { routes: [{ ...route, audit: 'closed' }] },
    }),
    redis: { url: `redis://127.0.0.1:${relay.port}/0` },
    settings: { log: { access: true, format: 'json' } },
  })
  service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
})

let names = 0

interface Opened {
  readonly client: OpenedSocket
  readonly served: ServiceSocket
  readonly path: string
}

async function open(node: NodeProcess, subject: string, claims: object = {}): Promise<Opened> {
  const path = `/live/${++names}`
  const token = issuer.sign({ claims: { sub: subject, scope: 'live', ...claims } })
  const client = await openSocket(node.port, path, { token })
  return { client, served: await upstream.socketAt(path), path }
}

async function goesOn({ client, served }: Opened): Promise<void> {
  const sent = [client.messages.length, served.messages.length] as const
  served.ws.send('to the client')
  client.ws.send('to the service')
  expect((await client.received(sent[0] + 1)).at(-1)).toBe('to the client')
  expect((await served.received(sent[1] + 1)).at(-1)).toBe('to the service')
}

const ended = [4401, 'the authorization has ended'] as const

test('the receipt of a revocation arrives after the WebSockets of the subject have ended on every node, and other WebSockets stay open', async () => {
  const mine = await Promise.all([...nodes, ...nodes].map((node) => open(node, 'revoked')))
  const others = await Promise.all(nodes.map((node) => open(node, 'other')))
  for (const each of [...mine, ...others]) await goesOn(each)

  const receipt = await service.revoke({ kind: 'subject', id: 'revoked', issuer: 'main' })
  expect(receipt.missing).toEqual([])
  for (const { client, served } of mine) {
    served.ws.send('late')
    if (client.closed === undefined) client.ws.send('late')
  }

  for (const { client, served } of mine) {
    expect(await client.ended()).toEqual(ended)
    expect((await served.ended())[0]).toBe(4401)
    expect([client.messages, served.messages].flat()).not.toContain('late')
  }
  for (const each of others) {
    await goesOn(each)
    each.client.ws.close()
  }
  const [{ path }] = mine as [Opened]
  const records = await auditRecords(
    link,
    (record) => record['url.path'] === path && record['gatehouse.stream.event'] === 'ended',
  )
  expect(records.filter((record) => record['url.path'] === path)).toMatchObject([
    { 'gatehouse.stream.event': 'opened', 'gatehouse.decision': 'admitted', 'http.response.status_code': 101 },
    {
      'gatehouse.stream.event': 'ended',
      'gatehouse.decision': 'broken',
      'gatehouse.reason': 'stream-ended',
      'gatehouse.stream.end': 'token-revoked',
      'gatehouse.stream.close_code': 4401,
      'gatehouse.stream.messages_in': 1,
      'gatehouse.stream.messages_out': 1,
      'http.request.body.size': 14,
      'http.response.body.size': 13,
      'user.id': 'revoked',
    },
  ])
})

test('no WebSocket opens when its token is revoked during the handshake with the service', async () => {
  const [node] = nodes as [NodeProcess]
  const before = upstream.sockets.length
  const token = issuer.sign({ claims: { sub: 'early', scope: 'live' } })
  const release = upstream.hold()
  const opening = openSocket(node.port, '/live/early', { token })
  const failed = expect(opening).rejects.toThrow('the handshake got 401')
  await until('the service has the handshake', () => upstream.held === 1)
  await service.revoke({ kind: 'subject', id: 'early', issuer: 'main' })
  release()

  await failed
  await until('the service accepted', () => upstream.sockets.length === before + 1)
  expect((await upstream.sockets.at(-1)!.ended())[0]).toBe(1006)
})

test('the gate relays no WebSocket message, in either direction, that was sent after the token expired', async () => {
  const [node] = nodes as [NodeProcess]
  const exp = Math.floor(Date.now() / 1000) + 3
  // One sends only, the other receives only: a check of one direction would also end the other.
  const [up, down] = [await open(node, 'up', { exp }), await open(node, 'down', { exp })]
  // Each message is the time at which it was sent.
  const sending = setInterval(() => {
    up.client.ws.send(String(Date.now()))
    down.served.ws.send(String(Date.now()))
  }, 2)
  for (const { client, served } of [up, down]) {
    await client.ended()
    await served.ended()
  }
  clearInterval(sending)

  for (const messages of [up.served.messages, down.client.messages]) {
    expect(messages.length).toBeGreaterThan(0)
    expect(Math.max(...messages.map(Number))).toBeLessThan(exp * 1000)
  }
})

test('without contact to Redis, WebSocket messages wait in both directions after max_staleness, and arrive when Redis is available again', async () => {
  const opened = await Promise.all(nodes.map((node) => open(node, 'held')))
  const revoked = await open(nodes[0]!, 'revoked-meanwhile')
  relay.cut()
  const cutAt = performance.now()
  let sent = 0
  const send = (): void => {
    for (const { client, served } of opened) {
      client.ws.send(String(sent))
      served.ws.send(String(sent))
    }
    sent++
  }
  while (performance.now() - cutAt < maxStalenessMs + 1000) {
    send()
    await sleep(50)
  }
  const seen = (): number[] => opened.flatMap(({ client, served }) => [client.messages.length, served.messages.length])
  const held = seen()
  for (let i = 0; i < 10; i++) send()
  await sleep(300)
  expect(seen()).toEqual(held)
  for (const count of held) expect(count).toBeLessThan(sent)

  const receipt = service.revoke({ kind: 'subject', id: 'revoked-meanwhile', issuer: 'main' })
  revoked.client.ws.send('late')
  revoked.served.ws.send('late')
  relay.mend()
  expect((await receipt).missing).toEqual([])

  const wanted = Array.from({ length: sent }, (_, i) => String(i))
  for (const { client, served } of opened) {
    expect(await client.received(sent)).toEqual(wanted)
    expect(await served.received(sent)).toEqual(wanted)
    client.ws.close()
  }
  expect(await revoked.client.ended()).toEqual(ended)
  expect([revoked.client.messages, revoked.served.messages]).toEqual([[], []])
})

test('a node that was suspended until after `fenced_by` relays no message of a revoked WebSocket when it resumes', async () => {
  const [node] = nodes as [NodeProcess]
  const opened = await Promise.all(Array.from({ length: 20 }, () => open(node, 'stopped')))
  node.signal('SIGSTOP')
  // The node must not learn of the revocation from bytes that arrive before the messages.
  relay.cut()
  try {
    const receipt = await service.revoke({ kind: 'subject', id: 'stopped', issuer: 'main' })
    expect([...receipt.missing].sort()).toEqual(['n1', 'n2'])
    for (const { client, served } of opened) {
      client.ws.send('late')
      served.ws.send('late')
    }
    await until('fenced_by has passed', () => Date.now() > Date.parse(receipt.fenced_by))
  } finally {
    node.signal('SIGCONT')
  }
  await sleep(500)
  for (const { client, served } of opened) expect([client.messages, served.messages]).toEqual([[], []])
  relay.mend()
  for (const { client, served } of opened) {
    expect(await client.ended()).toEqual(ended)
    await served.ended()
    expect([client.messages, served.messages]).toEqual([[], []])
  }
})
