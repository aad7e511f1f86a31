import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { offlineGate } from '../../../gateway/cli/offline-gate.ts'
import { Http2Listener, type Http2ListenOptions } from '../../../gateway/http2/http2-listener.ts'
import type { SessionEndCause } from '../../../gateway/http2/session-limits.ts'
import type { Gate } from '../../../gateway/pipeline/gate.ts'
import { BalancedTarget } from '../../../gateway/upstream/balanced-target.ts'
import { Balancer } from '../../../gateway/upstream/balancer.ts'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { UpstreamState } from '../../../gateway/upstream/upstream-state.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { FrameClient, frame, frameType, getFields, headers, uint32 } from '../../kit/http2-frames.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { snapshotOf } from '../policy/policy-text.ts'

// Limits of HTTP/2 connections in time and number. The test moves the clock of the listener.

const held: ServerResponse[] = []
const upstream = await startUpstream({ handler: (_, response) => void held.push(response) })
const snapshot = snapshotOf(
  `{ version: 1, services: { s: { upstreams: ['${upstream.url}'], credentials: none, routes: [{ id: r, match: { path: /s/** }, require: public }] } } }`,
)
const verifier = {
  verify: () => 'token-malformed' as const,
  knows: () => false,
  holdsValid: () => false,
  isIntrospected: () => false,
}
const offline = await offlineGate(snapshot, verifier, 'https://gate.test')
const member = new BalancedTarget(new Http1Target(new URL(upstream.url), 5000, 1000), 1, new UpstreamState())

class Clock {
  ms = 1000

  /** Advances the clock in steps until the condition holds. */
  async runUntil(what: string, stepMs: number, holds: () => boolean): Promise<void> {
    await until(what, () => {
      if (holds()) return true
      this.ms += stepMs
      return false
    })
  }
}

async function listen(options: Partial<Http2ListenOptions> = {}, members: Partial<Gate> = {}) {
  const clock = new Clock()
  const gate = { ...offline, runtime: { snapshot, balancers: [new Balancer([member])] }, ...members }
  const listener = await Http2Listener.open(gate, {
    host: '127.0.0.1',
    port: 0,
    reusePort: false,
    certificates: undefined,
    clientTrust: undefined,
    maxStreams: 100,
    maxSessions: 100,
    maxSessionsPerAddress: 100,
    maxAgeMs: 3_600_000,
    extAuthz: false,
    idleMs: 30_000,
    now: () => clock.ms,
    ...options,
  })
  atEnd(() => listener.close())
  const ended = (cause: SessionEndCause) => listener.counts.ended.get(cause)
  return { clock, listener, port: listener.port, ended }
}

/** Sends the preface and waits for the SETTINGS frame of the gate and its acknowledgement of ours. */
async function greeted(port: number, from = '127.0.0.1', options: object = {}): Promise<FrameClient> {
  const client = new FrameClient(port, { from, ...options })
  await client.find(frameType.settings)
  await until('the acknowledgement', () => client.frames.some(({ type, flags }) => type === 4 && flags === 1))
  return client
}

test.each([
  ['sends nothing', Buffer.alloc(0)],
  ['sends half of the preface', Buffer.from('PRI * HTTP/2.0\r\n\r\n')],
])('an HTTP/2 client that %s after it has connected is disconnected after 10 s', async (_, bytes) => {
  const { clock, listener, port, ended } = await listen()
  const client = new FrameClient(port, { preface: false })
  client.write(bytes)
  await until('the listener has accepted the connection', () => listener.connections.open === 1)
  clock.ms += 10_000
  await client.ended

  expect(ended('preface')).toBe(1)
  await until('the listener has closed the connection', () => listener.connections.open === 0)
})

test('a client that speaks HTTP/1.1 on the h2c port is disconnected', async () => {
  const { listener, port, ended } = await listen()
  const client = new FrameClient(port, { preface: false })
  client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  await client.ended

  await until('the count', () => ended('protocol-error') === 1 && listener.connections.open === 0)
})

test('an HTTP/2 connection without requests gets GOAWAY after the idle time, and is closed although the client keeps it open', async () => {
  const { clock, listener, port, ended } = await listen()
  const client = await greeted(port, '127.0.0.1', { halfOpen: true })
  await clock.runUntil('GOAWAY', 1000, () => client.frames.some(({ type }) => type === frameType.goaway))
  expect(clock.ms).toBeGreaterThanOrEqual(31_000)
  await clock.runUntil('the end of the connection', 1000, () => listener.connections.open === 0)

  expect(ended('idle')).toBe(1)
})

test('an HTTP/2 connection with a request in progress is not idle; above the maximum age, it is closed after the request', async () => {
  const { clock, port, ended } = await listen({ maxAgeMs: 100_000 })
  const client = await greeted(port)
  client.write(headers(1, getFields('/s/long')))
  await until('the request at the service', () => held.length === 1)
  await clock.runUntil('a PING', 1000, () => client.frames.some(({ type }) => type === frameType.ping))
  expect(client.frames.some(({ type }) => type === frameType.goaway)).toBe(false)
  clock.ms = 102_000
  expect(await client.goaway()).toBe(0)
  // A request that was on its way at that time is not served: GOAWAY names request 1 as the last one.
  client.write(headers(3, getFields('/s/late')))
  held.pop()!.end('done')
  expect((await client.find(frameType.data, 1))!.payload.toString()).toBe('done')
  await client.ended
  expect(client.frames.filter(({ type }) => type === frameType.goaway)[0]!.payload.readUInt32BE(0)).toBe(1)
  expect([held.length, client.frames.filter(({ stream }) => stream === 3).length]).toEqual([0, 0])
  expect([ended('age'), ended('idle')]).toEqual([1, 0])
})

test('an HTTP/2 client that waits for a reply and does not respond to a PING is disconnected, and its request is cancelled', async () => {
  const { clock, port, ended } = await listen()
  const client = await greeted(port, '127.0.0.1', { answersPings: false })
  client.write(headers(1, getFields('/s/lost')))
  await until('the request at the service', () => held.length === 1)
  await clock.runUntil('the end of the connection', 1000, () => client.isEnded)
  expect(client.frames.some(({ type }) => type === frameType.ping)).toBe(true)

  expect(ended('ping-timeout')).toBe(1)
  const response = held.pop()!
  await until('the cancelled call', () => response.destroyed)
})

test('an address cannot open more HTTP/2 connections than max_sessions_per_address, while another address still can open connections', async () => {
  const { listener, port, ended } = await listen({ maxSessionsPerAddress: 3 })
  const open = await Promise.all([1, 2, 3].map(() => greeted(port)))
  await new FrameClient(port).ended
  await greeted(port, '127.0.0.2')

  expect(ended('address-full')).toBe(1)
  open[0]!.socket.destroy()
  await until('a free place', () => listener.connections.open === 3)
  await greeted(port)
})

test('unknown addresses cannot use the last fifth of max_sessions; addresses that sent a valid credential and listed proxies can use it', async () => {
  const last = (address: Uint8Array) => address[3]!
  const { port, ended } = await listen(
    { maxSessions: 10 },
    {
      knownAddresses: { add: () => {}, has: (address) => last(address) === 7 },
      proxies: { lists: (address: Uint8Array) => last(address) === 8 } as Gate['proxies'],
    },
  )
  await Promise.all(Array.from({ length: 8 }, () => greeted(port)))
  await new FrameClient(port, { from: '127.0.0.2' }).ended
  expect(ended('node-full')).toBe(1)
  await greeted(port, '127.0.0.7')
  await greeted(port, '127.0.0.8')
  await new FrameClient(port, { from: '127.0.0.7' }).ended
  expect(ended('node-full')).toBe(2)
})

test('requests of an HTTP/2 client above max_streams are refused, and its running requests continue', async () => {
  const { listener, port } = await listen({ maxStreams: 2 })
  const client = await greeted(port)
  client.write(...[1, 3, 5].map((stream) => headers(stream, getFields('/s/many'))))
  const refused = await client.find(frameType.rstStream, 5)
  await until('the listener has two requests', () => held.length === 2)
  for (const response of held.splice(0)) response.end('done')

  expect(refused!.payload.readUInt32BE(0)).toBe(7)
  expect((await client.find(frameType.data, 1))!.payload.toString()).toBe('done')
  await until('the listener has no stream', () => listener.counts.streams === 0 && listener.inFlight === 0)
})

test('an address that cancels too many HTTP/2 requests over several connections is disconnected, and can connect again later', async () => {
  const { clock, port, ended } = await listen()
  const reset = (stream: number) => frame(frameType.rstStream, 0, stream, uint32(8))
  // nghttp2 itself ends a connection after 200 resets in a burst.
  for (let connections = 0; ended('cancel-flood') === 0; connections++) {
    expect(connections).toBeLessThan(20)
    const client = await greeted(port)
    const frames = Array.from({ length: 150 }, (_, i) => [headers(2 * i + 1, getFields('/none')), reset(2 * i + 1)])
    client.write(...frames.flat(), frame(frameType.ping, 0, 0, Buffer.alloc(8)))
    await client.find(frameType.ping)
  }
  await new FrameClient(port).ended
  expect(ended('cancel-flood')).toBeGreaterThanOrEqual(2)
  await greeted(port, '127.0.0.2')
  clock.ms += 11_000
  await greeted(port)
})

test('a client that floods the gate with SETTINGS is disconnected with ENHANCE_YOUR_CALM', async () => {
  const { port, ended } = await listen()
  const client = await greeted(port)
  client.write(...Array.from({ length: 150 }, () => frame(frameType.settings, 0, 0)))

  expect(await client.goaway()).toBe(11)
  expect(ended('settings-flood')).toBe(1)
})

test('a stopping HTTP/2 listener sends GOAWAY, serves the requests in progress, and refuses new connections', async () => {
  const { listener, port, ended } = await listen()
  const client = await greeted(port)
  client.write(headers(1, getFields('/s/drain')))
  await until('the request at the service', () => held.length === 1)
  listener.stopListening()
  expect(await client.goaway()).toBe(0)
  held.pop()!.end('done')

  expect((await client.find(frameType.data, 1))!.payload.toString()).toBe('done')
  await new FrameClient(port, { preface: false }).ended
  await until('the listener has no request', () => listener.inFlight === 0)
  listener.close()
  await client.ended
  expect(ended('drain')).toBe(1)
})
