import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
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
import { connect, requestBytes } from '../kit/raw-client.ts'
import { redisSettingsFor, testLink, testRedis } from '../kit/redis.ts'
import { RedisRelay } from '../kit/redis-relay.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'

// A reply or upload in progress ends with the credential that admitted it. A node that has lost contact with Redis does
// not know whether the credential was revoked, and relays nothing after `max_staleness`.

let issuer: TestIssuer
let upstream: TestUpstream
let nodes: NodeProcess[]
let service: TestService
let relay: RedisRelay
/** Larger than the socket buffers of gate and client. */
const large = Buffer.alloc(24 * 1024 * 1024, 'large ')
/** Replies in progress, by the query of their request. */
const replies = new Map<string, ServerResponse>()

beforeAll(async () => {
  const redis = await testRedis()
  const link = await testLink(redisSettingsFor(redis.port))
  await foundEpoch(link)
  relay = await RedisRelay.start(redis.port)
  issuer = await startIssuer()
  upstream = await startUpstream({
    handler: async (received, response) => {
      const { pathname, search } = new URL(received.url, 'http://upstream')
      if (pathname === '/orders/upload') {
        await received.over
        response.end('done')
        return
      }
      if (pathname === '/orders/large') {
        response.writeHead(200, { 'content-length': large.length })
        response.end(large)
        return
      }
      if (pathname === '/orders/late') {
        replies.set(search, response)
        return
      }
      const type = pathname === '/orders/events' ? 'text/event-stream; charset=utf-8' : 'application/octet-stream'
      response.writeHead(200, { 'content-type': type })
      replies.set(search, response)
      response.write('data: begun\n\n')
    },
  })
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url, main: { clock_tolerance: '0s' } })
  nodes = await startNodeProcesses({
    nodes: 2,
    policy,
    redis: { url: `redis://127.0.0.1:${relay.port}/0` },
    settings: { log: { access: true, format: 'json' }, request: { idle: '8s' }, streams: { hold: '1m' } },
  })
  service = await startRevocationService({ issuers: [rulesFor(issuer.url)], link })
})

let names = 0

interface Opened {
  readonly wire: Wire
  readonly reply: ServerResponse
}

async function open(node: NodeProcess, kind: 'events' | 'download', token: string): Promise<Opened> {
  const name = `?${++names}`
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: `/orders/${kind}${name}`, token }))
  await wire.until('data: begun\n\n')
  return { wire, reply: replies.get(name)! }
}

async function admits(node: NodeProcess): Promise<boolean> {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/orders/download?probe', token: tokenOf('probe') }))
  const head = (await wire.until('\r\n\r\n')).toString('latin1')
  wire.close()
  return head.startsWith('HTTP/1.1 200 ')
}

const tokenOf = (sub: string, claims: object = {}) => issuer.sign({ claims: { sub, ...claims } })

test('the receipt of a revocation arrives after the streams of the subject have ended on every node, and other streams continue', async () => {
  const revoked = tokenOf('revoked')
  const mine = await Promise.all(
    nodes.flatMap((node) => [open(node, 'events', revoked), open(node, 'download', revoked)]),
  )
  const others = await Promise.all(nodes.map((node) => open(node, 'events', tokenOf('other'))))

  const receipt = await service.revoke({ kind: 'subject', id: 'revoked', issuer: 'main' })
  expect(receipt.missing).toEqual([])
  for (const { reply } of mine) reply.write('data: late\n\n')

  for (const [i, { wire }] of mine.entries()) {
    if (i % 2 === 0) expect((await wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
    else {
      expect((await wire.rest()).toString('latin1')).toBe('')
      expect(wire.ending).not.toBe('open')
    }
  }
  for (const { wire, reply } of others) {
    reply.write('data: goes on\n\n')
    await wire.until('data: goes on\n\n')
    wire.close()
  }
  for (const node of nodes) {
    const record = await node.waitForRecord(({ reason }) => reason === 'stream-ended')
    expect(record).toMatchObject({ decision: 'broken', status: 200, stream_end: 'token-revoked', subject: 'revoked' })
  }
})

test('a client of an event stream gets no event if its token is revoked before the reply of the service', async () => {
  const name = `?${++names}`
  const wires = await Promise.all(nodes.map(({ port }) => connect(port)))
  for (const [i, wire] of wires.entries()) {
    await wire.send(requestBytes({ target: `/orders/late${name}-${i}`, token: tokenOf('early') }))
  }
  await until('the service has the requests', () => wires.every((_, i) => replies.has(`${name}-${i}`)))

  const receipt = await service.revoke({ kind: 'subject', id: 'early', issuer: 'main' })
  expect(receipt.missing).toEqual([])
  for (const [i, wire] of wires.entries()) {
    const reply = replies.get(`${name}-${i}`)!
    // Head and event leave in one packet.
    reply.cork()
    reply.writeHead(200, { 'content-type': 'text/event-stream' })
    reply.write('data: late\n\n')
    reply.uncork()
    expect((await wire.until('\r\n\r\n')).toString('latin1')).toMatch(/^HTTP\/1\.1 401 /)
    reply.end()
    const problem = (await wire.until('}')).toString('latin1')
    expect(problem).toContain('invalid_token')
    expect(await wire.quiet(300)).toBe(true)
    wire.close()
  }
})

test('an upload whose token is revoked gets 401, and the service gets no further byte', async () => {
  const [node] = nodes as [NodeProcess]
  const token = issuer.sign({ claims: { sub: 'uploader', scope: 'orders:write' } })
  const wire = await connect(node.port)
  const fields = [['Content-Length', '1000000']] as const
  await wire.send([requestBytes({ method: 'POST', target: '/orders/upload', token, fields }), 'first'])
  await until('the service has the first bytes', () => (upstream.requests.at(-1)?.bodyBytes ?? 0) === 5)
  const received = upstream.requests.at(-1)!

  await service.revoke({ kind: 'subject', id: 'uploader', issuer: 'main' })
  await wire.send('second')

  const reply = (await wire.until('\r\n\r\n')).toString('latin1')
  expect(reply).toMatch(/^HTTP\/1\.1 401 /)
  expect(reply).toContain('error="invalid_token"')
  await received.over
  expect(received.bodyBytes).toBe(5)
})

test('a stream on which no data is sent ends when its token expires', async () => {
  const [node] = nodes as [NodeProcess]
  const expS = Math.floor(Date.now() / 1000) + 3
  const { wire } = await open(node, 'events', tokenOf('short', { exp: expS }))

  expect((await wire.until('0\r\n\r\n')).toString('latin1')).toBe('\r\n0\r\n\r\n')
  expect(Date.now()).toBeGreaterThanOrEqual(expS * 1000)
  const record = await node.waitForRecord(({ subject, reason }) => subject === 'short' && reason === 'stream-ended')
  expect(record['stream_end']).toBe('token-expired')
})

test('without contact to Redis, a node relays no stream data after max_staleness, and continues in order when Redis is available again', async () => {
  const opened = await Promise.all(nodes.map((node) => open(node, 'download', tokenOf('held'))))
  const revoked = await open(nodes[0]!, 'download', tokenOf('revoked-meanwhile'))
  relay.cut()
  const cutAt = performance.now()
  let sent = 0
  const received = opened.map(() => '')
  // The nodes relay these events only until `max_staleness` has passed since their last contact with Redis.
  while (performance.now() - cutAt < maxStalenessMs + 1000) {
    for (const { reply } of opened) reply.write(`data: ${sent}\n\n`)
    sent++
    await sleep(100)
  }
  for (const [i, { wire }] of opened.entries()) {
    while (!(await wire.quiet(0))) received[i] += (await wire.take(1)).toString('latin1')
  }
  for (const { reply } of opened) reply.write(`data: ${sent}\n\n`)
  sent++
  for (const { wire } of opened) expect(await wire.quiet(300)).toBe(true)

  const receipt = service.revoke({ kind: 'subject', id: 'revoked-meanwhile', issuer: 'main' })
  revoked.reply.write('data: late\n\n')
  relay.mend()
  expect((await receipt).missing).toEqual([])

  for (const { reply } of opened) reply.write('data: end\n\n')
  for (const [i, { wire }] of opened.entries()) {
    received[i] += (await wire.until('data: end\n\n')).toString('latin1')
    const events = [...received[i]!.matchAll(/data: (\d+)\n/g)].map(([, number]) => Number(number))
    expect(events).toEqual(Array.from({ length: sent }, (_, n) => n))
    wire.close()
  }
  expect((await revoked.wire.rest()).toString('latin1')).toBe('')
})

test('a client that gets no bytes because the gate holds its download (relays no data) is not treated as stalled', async () => {
  const [node] = nodes as [NodeProcess]
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/orders/large', token: tokenOf('slow') }))
  await wire.until('\r\n\r\n')
  relay.cut()
  try {
    await sleep(maxStalenessMs + 12_000)
  } finally {
    relay.mend()
  }
  const body = await wire.take(large.length)
  expect(body.equals(large)).toBe(true)
  const record = await node.waitForRecord(({ subject }) => subject === 'slow')
  expect(record['reason']).toBe('admitted')
  wire.close()
})

test('a node that was suspended until after `fenced_by` relays no data of a revoked stream when it resumes', async () => {
  const [node, other] = nodes as [NodeProcess, NodeProcess]
  // After the outage of the test before, each node reconnects to Redis on its own.
  for (const each of nodes) await until('the node admits requests', () => admits(each))
  const token = tokenOf('stopped')
  const opened = await Promise.all(Array.from({ length: 20 }, () => open(node, 'download', token)))
  const elsewhere = await open(other, 'download', tokenOf('elsewhere'))
  node.signal('SIGSTOP')
  try {
    const receipt = await service.revoke({ kind: 'subject', id: 'stopped', issuer: 'main' })
    expect(receipt.missing).toEqual(['n1'])
    for (const { reply } of opened) reply.write('data: late\n\n')
    await until('fenced_by has passed', () => Date.now() > Date.parse(receipt.fenced_by))
  } finally {
    node.signal('SIGCONT')
  }
  for (const { wire } of opened) expect((await wire.rest()).toString('latin1')).toBe('')
  elsewhere.reply.write('data: goes on\n\n')
  await elsewhere.wire.until('data: goes on\n\n')
})
