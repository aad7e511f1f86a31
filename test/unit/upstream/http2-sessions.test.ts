import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { ConcurrencyLimiter } from '../../../gateway/upstream/concurrency-limiter.ts'
import { Http2Call } from '../../../gateway/upstream/http2/http2-call.ts'
import { Http2Target } from '../../../gateway/upstream/http2/http2-target.ts'
import { requestList } from '../../../gateway/upstream/http2/request-list.ts'
import { type SessionKeeper, UpstreamSession } from '../../../gateway/upstream/http2/upstream-session.ts'
import { Sweep } from '../../../gateway/upstream/sweep.ts'
import { Http2Service, type ServiceStream } from '../../kit/http2-service.ts'
import { until } from '../../kit/until.ts'
import { CallLog, send } from './call-log.ts'

// Sessions to a service with HTTP/2 that many clients share (real connections, h2c).

const targetOf = ({ url }: Http2Service) => new Http2Target(new URL(url), 5000, 4096)
const addressOf = (last: number) => Uint8Array.of(192, 0, 2, last)

/** Number of requests on each connection of a service, in the order of the connections. */
function requestsPerSession({ sessions, received }: Http2Service): number[] {
  return sessions.map((_, index) => received.filter(({ session }) => session === index).length)
}

const reply = ({ stream }: ServiceStream) => {
  stream.respond({ ':status': 200 })
  stream.end('ok')
}

test('an HTTP/2 session (connection) to a service carries at most as many calls as the service allows, also after the service lowered the number', async () => {
  const server = { settings: { maxConcurrentStreams: 6 } }
  const service = await Http2Service.start({ server, onStream: () => undefined })
  const target = targetOf(service)
  const calls = [send(target)]
  await until('the first request', () => service.received.length === 1)

  await new Promise<void>((resolve) => service.sessions[0]!.settings({ maxConcurrentStreams: 2 }, () => resolve()))
  for (let i = 0; i < 8; i++) calls.push(send(target))
  await until('all requests', () => service.received.length === 9)

  expect(requestsPerSession(service)).toEqual([2, 6, 1])
  for (const { call } of calls) call.abort()
  target.close()
})

test('a request that a service refused with REFUSED_STREAM is sent again', async () => {
  const service = await Http2Service.start({
    onStream: (received) => {
      if (service.received.length === 1) received.stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else reply(received)
    },
  })
  const target = targetOf(service)

  const log = send(target)
  await log.over()

  expect([log.events.at(-1), log.body]).toEqual(['end', 'ok'])
  target.close()
})

test('when a service sends GOAWAY, no call fails: calls after the last accepted stream are sent on another HTTP/2 session, and earlier calls complete', async () => {
  const service = await Http2Service.start({
    onStream: (received) => {
      const { session, stream } = received
      if (session > 0) reply(received)
      else if (service.received.length === 2) {
        stream.session!.goaway(constants.NGHTTP2_NO_ERROR, 1)
        reply(service.received[0]!)
      }
    },
  })
  const target = targetOf(service)

  const logs = [send(target), send(target)]
  for (const log of logs) await log.over()

  expect(logs.map(({ body }) => body)).toEqual(['ok', 'ok'])
  expect(requestsPerSession(service)).toEqual([2, 1])
  target.close()
})

test('when clients cancel many calls to an HTTP/2 service, the call of another client continues and gets every message', async () => {
  const victims: ServiceStream[] = []
  // The lowest limit among known servers: 200 cancels (Netty).
  const server = { streamResetBurst: 200, streamResetRate: 6, settings: { maxConcurrentStreams: 100 } }
  const service = await Http2Service.start({
    server,
    onStream: (received) => {
      if (received.head[':path'] !== '/numbers') return
      received.stream.respond({ ':status': 200 })
      victims.push(received)
    },
  })
  const target = targetOf(service)
  const victim = send(target, { target: '/numbers', client: addressOf(1) })
  await until('the call of the other client', () => victims.length === 1)

  let sent = 0
  for (let round = 0; round < 60; round++) {
    const before = service.received.length
    // Ten clients: each stays within its own budget for some rounds.
    const calls = Array.from({ length: 10 }, (_, i) => send(target, { client: addressOf(10 + i) }))
    await until('the requests', () => service.received.length === before + calls.length)
    for (const { call } of calls) call.abort()
    victims[0]!.stream.write(`${sent++},`)
  }
  victims[0]!.stream.end(`${sent}`)
  await victim.over()

  expect(victim.events.at(-1)).toBe('end')
  expect(victim.body).toBe(Array.from({ length: sent + 1 }, (_, i) => i).join())
  // The session of the other client took no more calls after 50 cancels.
  expect(requestsPerSession(service)[0]).toBeLessThanOrEqual(150)
  target.close()
})

test('if a service disappears without closing its HTTP/2 connection, a PING detects this while the only stream of the connection is idle', async () => {
  const service = await Http2Service.start({
    onStream: ({ stream }) => {
      stream.respond({ ':status': 200 })
      stream.write('first')
    },
  })
  const sweep = new Sweep()
  let closed = 0
  const keeper: SessionKeeper = {
    origin: service.url,
    text: service.url,
    address: { host: '127.0.0.1', port: Number(new URL(service.url).port) },
    tls: undefined,
    connectMs: 5000,
    sweep,
    isOpen: true,
    presented: () => undefined,
    unreachable: () => undefined,
    answered: () => undefined,
    retired: () => undefined,
    reassign: () => undefined,
    closed: () => closed++,
  }
  const session = new UpstreamSession(keeper, undefined)
  const log = new CallLog()
  const timeouts = { firstByteMs: 600_000, idleMs: 600_000 }
  const request = { method: 'GET', target: '/', fields: [], body: undefined, timeouts }
  const seats = new ConcurrencyLimiter(service.url, 10)
  const owner = { text: service.url, repeat: () => undefined, cancelled: () => undefined, broke: () => undefined }
  const call = new Http2Call(request, log, seats, owner)
  seats.take(call)
  call.list = requestList(request, 'http', 'api.test')
  session.run(call)
  await until('the first bytes of the reply', () => log.body === 'first')

  /** Passes time within one turn of the event loop, in which no reply to a PING can arrive. */
  const passSeconds = (seconds: number) => {
    for (let at = 0; at < seconds; at++) {
      sweep.now += 4
      session.sweep(sweep.now)
    }
  }
  passSeconds(13)
  expect(log.events).toEqual(['head', 'data'])
  passSeconds(13)
  await log.over()

  expect(log.fault?.message).toContain('no reply to an HTTP/2 PING')
  await until('the end of the connection', () => closed === 1)
})
