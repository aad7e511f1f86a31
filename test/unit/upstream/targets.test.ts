import { Readable } from 'node:stream'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { freePort } from '../../kit/ports.ts'
import { rawUpstream } from '../../kit/raw-upstream.ts'
import { tlsInFrontOf } from '../../kit/tls-relay.ts'
import { until } from '../../kit/until.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called, send } from './call-log.ts'

// Events of a call to an upstream: the head of the reply once, then data, then the end; or at any point a fault, and no
// event after the fault. A cancelled call reports no event.

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const upload = () => ({
  method: 'POST',
  fields: ['host', 'api.test', 'content-length', '5'],
  body: Readable.from([Buffer.from('hello')], { objectMode: false }),
})

describe.each([
  ['plain HTTP', 'http', async (url: string) => url],
  ['TLS', 'https', tlsInFrontOf],
])('an upstream target over %s', (_title, scheme, urlOf) => {
  const targetOf = async (url: string) => new Http1Target(new URL(await urlOf(url)), 1000, 1024)

  test('a call to an upstream reports head, data and end of the reply', async () => {
    const upstream = await startUpstream({
      handler: (_received, response) => void response.writeHead(201, { 'X-A': 'b' }).end('ok'),
    })

    const log = await called(await targetOf(upstream.url))

    expect(log).toMatchObject({ status: 201, body: 'ok', events: ['head', 'data', 'end'] })
    expect(log.fields).toContainEqual(['X-A', 'b'])
  })

  test('a call to an upstream tells its listener that its new connection is open before the request is written', async () => {
    const upstream = await startUpstream()
    const target = await targetOf(upstream.url)
    const opened: number[] = []
    const watched = async () => {
      const log = send(target)
      log.opened = () => opened.push(upstream.requests.length)
      await log.over()
      await turn()
      await turn()
      return log.status
    }

    expect([await watched(), await watched()]).toEqual([200, 200])
    expect(opened).toEqual([0])
    expect(upstream.connections).toBe(1)
  })

  test('a call that is cancelled while its connection opens sends no request and reports nothing', async () => {
    const upstream = await rawUpstream(ok)
    const target = await targetOf(upstream.url)
    const log = send(target)
    const { promise: opened, resolve } = Promise.withResolvers<void>()
    log.opened = () => {
      log.call.abort()
      resolve()
    }
    await opened

    expect(await called(target)).toMatchObject({ status: 200 })
    expect(log.events).toEqual([])
    expect(upstream.received.filter((bytes) => bytes.length > 0)).toHaveLength(1)
  })

  test('an upstream target does not report 1xx replies of the service to the listener of a call', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
    const log = await called(await targetOf((await rawUpstream(interim + interim + ok)).url))

    expect(log).toMatchObject({ status: 200, body: 'ok', events: ['head', 'data', 'end'] })
  })

  test('a call to an upstream sends method, target and fields unchanged, and the whole body', async () => {
    const upstream = await startUpstream()
    await called(await targetOf(upstream.url), {
      method: 'PATCH',
      target: '/a?b=%c',
      fields: ['host', 'api.test', 'x-two', '1', 'x-two', 'é', 'content-length', '5'],
      body: Readable.from([Buffer.from('hel'), Buffer.from('lo')]),
    })

    const received = await upstream.next()
    expect(received).toMatchObject({ method: 'PATCH', url: '/a?b=%c', bodyBytes: 5 })
    expect(received.all('x-two')).toEqual(['1', 'é'])
    expect(received.all('content-length')).toEqual(['5'])
    expect(received.all('host')).toEqual(['api.test'])
  })

  test('if the client sent no Host, the call to the upstream has the host of the upstream', async () => {
    const upstream = await startUpstream()
    const target = await targetOf(upstream.url)
    await called(target, { fields: [] })

    expect((await upstream.next()).all('host')).toEqual([new URL(target.origin).host])
  })

  test('16 concurrent calls to an upstream, repeated 20 times, use at most 16 connections', async () => {
    const upstream = await startUpstream()
    const target = await targetOf(upstream.url)
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 16 }, (_, i) => called(target, i % 2 === 0 ? {} : upload())))
    }

    await until('the service has recorded each request', () => upstream.requests.length >= 320)
    expect(upstream.requests).toHaveLength(320)
    expect(upstream.connections).toBeLessThanOrEqual(16)
  })

  test('a paused call to an upstream delivers no more data until the call is resumed', async () => {
    const { promise: firstHalfRead, resolve: sendSecondHalf } = Promise.withResolvers<void>()
    const upstream = await rawUpstream(async (wire) => {
      await wire.until('\r\n\r\n')
      await wire.send(['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none'])
      await firstHalfRead
      await wire.send(['two'])
      await wire.rest(60_000)
    })
    const log = send(await targetOf(upstream.url))
    log.holding = true
    await expect.poll(() => log.body).toBe('one')
    sendSecondHalf()
    await sleep(150)
    expect(log.body).toBe('one')

    log.holding = false
    log.call.resume()
    await log.over()
    expect(log).toMatchObject({ body: 'onetwo', events: ['head', 'data', 'end'] })
  })

  test.each(['at once', 'once it has arrived', 'in mid-reply', 'after its end', 'twice'])(
    'a call to an upstream that is cancelled %s reports nothing more, and its connection is closed if the call has not ended',
    async (when) => {
      const upstream = await startUpstream({
        handler: (received, response) => {
          if (received.url === '/ends') response.end('ok')
          else if (when === 'in mid-reply') response.write('begun')
        },
      })
      const target = await targetOf(upstream.url)
      const log = send(target, { target: when === 'after its end' ? '/ends' : '/' })
      if (when === 'after its end') await log.over()
      else if (when === 'in mid-reply') await expect.poll(() => log.body).toBe('begun')
      else if (when !== 'at once') await expect.poll(() => upstream.requests.length).toBe(1)
      const before = [...log.events]

      log.call.abort()
      if (when === 'twice') log.call.abort()
      log.call.resume()

      await sleep(50)
      expect(log.events).toEqual(before)
      if (when === 'after its end') return
      await expect.poll(() => upstream.requests.every(({ aborted }) => aborted)).toBe(true)
      expect((await called(target, { target: '/ends' })).body).toBe('ok')
    },
  )

  test('a refused connection to an upstream ends the call with upstream-unreachable, is retryable, and starts the back-off of the upstream', async () => {
    const target = new Http1Target(new URL(`${scheme}://127.0.0.1:${freePort()}`), 1000, 1024)
    const { fault, events } = await called(target)

    expect(events).toEqual(['fault'])
    expect(fault).toMatchObject({ reason: 'upstream-unreachable', source: 'upstream', retryable: true })
    expect(fault!.message).toBe(`${target.origin}: no connection to the upstream (ECONNREFUSED)`)
    expect(target.health.restUntil).toBeGreaterThan(performance.now())
  })

  test('an unknown host name of an upstream ends the call with upstream-unreachable', async () => {
    const { fault } = await called(new Http1Target(new URL(`${scheme}://no-such-host.invalid`), 1000, 1024))

    expect(fault).toMatchObject({ reason: 'upstream-unreachable', retryable: true })
  })

  test('a new connection that breaks after the request was sent ends the call with upstream-broken, which is not retryable', async () => {
    const upstream = await rawUpstream(async (wire) => void (await wire.until('\r\n\r\n')))
    const target = await targetOf(upstream.url)
    const { fault } = await called(target)

    expect(fault).toMatchObject({ reason: 'upstream-broken', retryable: false })
    expect(target.health).toMatchObject({ restUntil: 0, failuresInRow: 1 })
  })

  test.each(['FIN', 'RST'])(
    'a call on a reused connection that breaks (%s) before the first reply byte can be retried',
    async (how) => {
      const upstream = await rawUpstream(async (wire) => {
        await wire.until('\r\n\r\n')
        await wire.send(ok)
        await wire.until('\r\n\r\n')
        if (how === 'RST') wire.reset()
      })
      const target = await targetOf(upstream.url)
      await called(target)

      expect((await called(target)).fault).toMatchObject({ reason: 'upstream-broken', retryable: true })
      // The service may close an idle connection at any time, so this is no failure of the upstream.
      expect(target.health.failuresInRow).toBe(0)
    },
  )

  test('a call on a reused connection that breaks after the first reply byte cannot be retried', async () => {
    const upstream = await rawUpstream(async (wire) => {
      await wire.until('\r\n\r\n')
      await wire.send(ok)
      await wire.until('\r\n\r\n')
      await wire.send('H')
    })
    const target = await targetOf(upstream.url)
    await called(target)

    expect((await called(target)).fault).toMatchObject({ reason: 'upstream-broken', retryable: false })
  })

  test('with 1,024 running calls to an upstream, a further call fails immediately with upstream-full', async () => {
    const upstream = await rawUpstream(async (wire) => void (await wire.rest(60_000)))
    const target = await targetOf(upstream.url)
    const logs = Array.from({ length: 1024 }, () => send(target))

    const late = await called(target)
    expect(late.events).toEqual(['fault'])
    expect(late.fault).toMatchObject({ reason: 'upstream-full', retryable: true })
    expect(target.health.restUntil).toBe(0)

    for (const { call } of logs) call.abort()
    const free = send(target)
    await expect.poll(() => upstream.received.length).toBeGreaterThan(0)
    expect(free.events).toEqual([])
    free.call.abort()
  })
})
