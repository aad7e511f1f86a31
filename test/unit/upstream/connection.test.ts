import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { type RawUpstream, rawUpstream, type UpstreamScript } from '../../kit/raw-upstream.ts'
import type { Wire } from '../../kit/wire.ts'
import { called, send } from './call-log.ts'

// A connection to a service is reused only if nothing of one exchange can reach the next exchange: the reply is
// complete, the request was sent completely, no byte is left over, and both sides allow the reuse (RFC 9112 §9.3).
// Every wait has a time limit.

const targetOf = ({ url }: RawUpstream, connectMs = 1000) => new Http1Target(new URL(url), connectMs, 1024)
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/**
 * Script of an upstream that sends `first` to the first request and then runs `then`. It replies correctly to all other
 * requests.
 */
const oddOnce = (first: string, then?: (wire: Wire) => Promise<unknown>): UpstreamScript => {
  let asked = 0
  return async (wire) => {
    while (await wire.some(60_000)) {
      await wire.until('\r\n\r\n')
      const odd = asked++ === 0
      await wire.send(odd ? first : ok)
      if (odd) await then?.(wire)
    }
  }
}

/** Returns the number of requests on each connection, in the order in which the connections were opened. */
const served = (upstream: RawUpstream) =>
  upstream.received.map((bytes) => bytes.toString('latin1').split(' HTTP/1.1\r\n').length - 1)

test.each([
  ['with Content-Length', ok, [2]],
  ['that is chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', [2]],
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', [2]],
  ['with Connection: Keep-Alive', `HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok`, [2]],
  ['with Keep-Alive: timeout=5', `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok`, [2]],
  ['with Keep-Alive: timeout=1', `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['with Connection: close', `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['with Connection: x', `HTTP/1.1 200 OK\r\nConnection: x\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['of HTTP/1.0', `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['followed by a line end', `${ok}\r\n`, [1, 1]],
  ['followed by extra bytes', `${ok}poison`, [1, 1]],
  ['followed by a second reply', ok + ok.replace('ok', 'no'), [1, 1]],
  ['of status 304 with a body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nno', [1, 1]],
  [
    'that is chunked and followed by a second reply',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${ok.replace('ok', 'no')}`,
    [1, 1],
  ],
])(
  'after a service reply %s, the gate reads the next reply correctly, and reuses the connection only after a complete reply that allows the reuse',
  async (_title, first, due) => {
    const upstream = await rawUpstream(oddOnce(first))
    const target = targetOf(upstream)

    expect((await called(target)).body).not.toContain('no')
    expect(await called(target)).toMatchObject({ status: 200, body: 'ok', events: ['head', 'data', 'end'] })
    await expect.poll(() => served(upstream)).toEqual(due)
  },
)

test.each([
  ['to HEAD', 'HEAD', '200 OK', 'Content-Length: 44'],
  ['to HEAD', 'HEAD', '200 OK', 'Transfer-Encoding: chunked'],
  ['of status 304', 'GET', '304 Not Modified', 'Content-Length: 44'],
])(
  'after a reply without a body (%s), the gate never reads later bytes on the connection as the next reply',
  async (_title, method, ...head) => {
    const upstream = await rawUpstream(
      oddOnce(`HTTP/1.1 ${head.join('\r\n')}\r\n\r\n`, async (wire) => {
        await sleep(50)
        await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
      }),
    )
    const target = targetOf(upstream)

    expect(await called(target, { method })).toMatchObject({ events: ['head', 'end'], body: '' })
    expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
    expect(served(upstream)).toEqual([1, 1])
  },
)

test('the gate reuses a connection to a service after a reply to HEAD that has Content-Length: 0', async () => {
  const upstream = await rawUpstream(oddOnce('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const target = targetOf(upstream)
  await called(target, { method: 'HEAD' })

  expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
  expect(served(upstream)).toEqual([2])
})

test.each([
  ['receives bytes', (wire: Wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno')],
  ['is closed', async (wire: Wire) => wire.finish()],
  ['is reset', async (wire: Wire) => wire.reset()],
])(
  'the gate opens a new connection to a service instead of reusing an idle connection that %s',
  async (_title, odd) => {
    const upstream = await rawUpstream(oddOnce(ok, odd))
    const target = targetOf(upstream)
    await called(target)
    await sleep(50)

    expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
    expect(served(upstream)).toEqual([1, 1])
  },
)

test('the gate closes an idle connection itself if the service announced `Keep-Alive: timeout=2`', async () => {
  const endings: string[] = []
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await wire.send('HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=2\r\nContent-Length: 2\r\n\r\nok')
    await wire.rest(60_000)
    endings.push(wire.ending)
  })
  await called(targetOf(upstream))

  await expect.poll(() => endings).toEqual(['ended'])
})

test('the gate reuses the most recently used connection to a service first, and keeps at most 256 idle connections to it', async () => {
  const release = Promise.withResolvers<void>()
  const upstream = await rawUpstream(async (wire) => {
    for (let n = 0; await wire.some(60_000); n++) {
      await wire.until('\r\n\r\n')
      if (n === 0) await release.promise
      await wire.send(ok)
    }
  })
  const target = targetOf(upstream)
  const logs = Array.from({ length: 300 }, () => send(target))
  await expect.poll(() => upstream.received.length).toBe(300)
  release.resolve()
  await Promise.all(logs.map((log) => log.over()))

  for (let n = 0; n < 5; n++) await called(target)
  const again = served(upstream).filter((requests) => requests > 1)
  expect(again).toEqual([6])
  const more = Array.from({ length: 300 }, () => send(target))
  await Promise.all(more.map((log) => log.over()))
  // A few connections more can be new: the gate does not keep a connection if the kernel was slow to accept its
  // request.
  expect(upstream.received.length).toBeGreaterThanOrEqual(300 + 300 - 256)
  expect(upstream.received.length).toBeLessThan(300 + 300 - 246)
})

test('a small request body that has arrived whole is sent with its head, and the connection is reused', async () => {
  const upstream = await rawUpstream(async (wire) => {
    while (await wire.some(60_000)) {
      await wire.until('\r\n\r\n')
      await wire.until('whole')
      await wire.send(ok)
    }
  })
  const target = targetOf(upstream)
  const wholeBody = () => {
    const body = new Readable({ read: () => expect.unreachable('the body is not read as a stream') })
    return Object.assign(body, { takeWhole: (length?: number) => (length === 5 ? Buffer.from('whole') : undefined) })
  }
  const upload = () => called(target, { method: 'POST', fields: ['content-length', '5'], body: wholeBody() })

  expect(await upload()).toMatchObject({ status: 200, body: 'ok' })
  expect(await upload()).toMatchObject({ status: 200, body: 'ok' })
  expect(served(upstream)).toEqual([2])
})

test('the gate forwards a reply that arrives before the upload is complete, and does not reuse the connection to the service', async () => {
  const upstream = await rawUpstream(
    oddOnce('HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge', (wire) => wire.rest(60_000)),
  )
  const target = targetOf(upstream)
  const body = new Readable({ read: () => undefined })
  body.push('some')
  const log = await called(target, { method: 'POST', fields: ['content-length', '1000'], body })

  expect(log).toMatchObject({ status: 413, body: 'large', events: ['head', 'data', 'end'] })
  expect(body.destroyed).toBe(true)
  expect(await called(target)).toMatchObject({ status: 200 })
  expect(served(upstream)).toEqual([1, 1])
})

test.each(['FIN', 'RST'])(
  'when a service disconnects within its reply body (%s), the gate forwards the received bytes, and the call ends with upstream-broken',
  async (how) => {
    const upstream = await rawUpstream(async (wire) => {
      await wire.until('\r\n\r\n')
      await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart')
      await sleep(30)
      if (how === 'RST') wire.reset()
    })
    const log = await called(targetOf(upstream))

    expect(log).toMatchObject({ body: 'part', events: ['head', 'data', 'fault'] })
    expect(log.fault).toMatchObject({ reason: 'upstream-broken', retryable: false })
  },
)

test('a cancelled upload closes its connection to the service and stops reading the request body', async () => {
  const endings: string[] = []
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('some')
    await wire.rest(60_000)
    endings.push(wire.ending)
  })
  const body = new Readable({ read: () => undefined })
  body.push('some')
  const log = send(targetOf(upstream), { method: 'POST', fields: [], body })
  await expect.poll(() => upstream.received[0]?.toString() ?? '').toContain('some')

  log.call.abort()
  await expect.poll(() => endings).toHaveLength(1)
  expect(log.events).toEqual([])
  expect(body.destroyed).toBe(true)
})

test('the gate reads an upload only as fast as the service reads it', async () => {
  const taken = Promise.withResolvers<void>()
  const upstream = await rawUpstream(async (wire) => {
    await wire.until('\r\n\r\n')
    await taken.promise
    await wire.until('0\r\n\r\n')
    await wire.send(ok)
  })
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const chunks = 120
  let read = 0
  const body = new Readable({
    read() {
      this.push(read++ < chunks ? chunk : null)
    },
  })
  const log = send(targetOf(upstream), { method: 'POST', fields: [], body })
  let before = -1
  while (before !== read) {
    before = read
    await sleep(100)
  }
  expect(read).toBeLessThan(chunks)

  taken.resolve()
  await log.over()
  expect(log).toMatchObject({ status: 200, body: 'ok' })
  expect(read).toBe(chunks + 1)
})

test.each([
  ['more', ['so', 'mething'], 'the request body is longer than its Content-Length'],
  ['fewer', ['som'], 'the request body is shorter than its Content-Length'],
])(
  'a request body with %s bytes than its Content-Length causes a node-fault, and bytes beyond that length are not sent',
  async (_title, parts, message) => {
    const upstream = await rawUpstream(async (wire) => void (await wire.rest(60_000)))
    const log = await called(targetOf(upstream), {
      method: 'POST',
      fields: ['content-length', '4'],
      body: Readable.from(
        parts.map((part) => Buffer.from(part)),
        { objectMode: false },
      ),
    })

    expect(log.events).toEqual(['fault'])
    expect(log.fault).toMatchObject({ reason: 'node-fault', message, retryable: false })
    expect(upstream.received[0]?.toString() ?? '').not.toContain('thing')
  },
)

const silent: UpstreamScript = async (wire) => void (await wire.rest(60_000))
const stalled: UpstreamScript = async (wire) => {
  await wire.until('\r\n\r\n')
  await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart')
  await wire.rest(60_000)
}
const hinting: UpstreamScript = async (wire) => {
  while (wire.ending === 'open') await wire.send(['HTTP/1.1 103 Early Hints\r\n\r\n', ''], 50)
}

test.each([
  ['sends nothing', silent, { firstByteMs: 300, idleMs: 20_000 }, ['fault']],
  ['sends only interim replies', hinting, { firstByteMs: 300, idleMs: 20_000 }, ['fault']],
  ['stops within its reply body', stalled, { firstByteMs: 20_000, idleMs: 300 }, ['head', 'data', 'fault']],
])(
  'the gate ends the call with upstream-timeout, without a retry, if a service %s',
  async (_title, script, timeouts, events) => {
    const log = await called(targetOf(await rawUpstream(script)), { timeouts })

    expect(log.events).toEqual(events)
    expect(log.fault).toMatchObject({ reason: 'upstream-timeout', retryable: false })
  },
)

test('the timeouts for a service do not run while the gate waits for the client to read a reply or to send its request body', async () => {
  const held = send(targetOf(await rawUpstream(stalled)), { timeouts: { firstByteMs: 20_000, idleMs: 300 } })
  held.holding = true
  const body = new Readable({ read: () => undefined })
  const target = targetOf(await rawUpstream(silent))
  const uploading = send(target, { method: 'POST', fields: [], body, timeouts: { firstByteMs: 300, idleMs: 300 } })
  await expect.poll(() => held.body).toBe('part')
  await sleep(1500)
  expect([...held.events, ...uploading.events]).toEqual(['head', 'data'])

  held.call.resume()
  body.push(null)
  await Promise.all([held.over(), uploading.over()])
  for (const { fault } of [held, uploading]) expect(fault).toMatchObject({ reason: 'upstream-timeout' })
})

test('the gate parses a reply head of 64,000 bytes that arrives in pieces, and rejects a reply head of 66,000 bytes', async () => {
  const long = (bytes: number) => `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(bytes)}\r\nContent-Length: 2\r\n\r\nok`
  const upstream = await rawUpstream(async (wire) => {
    const head = await wire.until('\r\n\r\n')
    const text = long(head.includes('/long') ? 66_000 : 64_000)
    await wire.send(
      Array.from({ length: 67 }, (_, n) => text.slice(n * 1000, (n + 1) * 1000)),
      1,
    )
  })
  const target = targetOf(upstream)

  expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
  expect((await called(target, { target: '/long' })).fault).toMatchObject({ reason: 'upstream-broken' })
})
