import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'
import { type RawUpstream, rawUpstream, type UpstreamScript } from '../../kit/raw-upstream.ts'
import type { Wire } from '../../kit/wire.ts'
import { called, send } from './call-log.ts'

// A connection is kept only when nothing of one exchange can reach the next: the reply complete, the request wholly sent,
// no byte left over, and both sides willing (RFC 9112 §9.3). And no wait is without end.

const targetOf = ({ url }: RawUpstream, connectMs = 1000) => new Http1Target(new URL(url), connectMs, 1024)
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Says `first` to the first request, and what is right to all others. */
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

/** Requests on each connection, in the order in which the connections came. */
const served = (upstream: RawUpstream) =>
  upstream.received.map((bytes) => bytes.toString('latin1').split(' HTTP/1.1\r\n').length - 1)

test.each([
  ['right', ok, [2]],
  ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', [2]],
  ['without a body', 'HTTP/1.1 204 No Content\r\n\r\n', [2]],
  ['kept by its word', `HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok`, [2]],
  ['kept for 5 s', `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok`, [2]],
  ['kept for 1 s', `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['ended by its word', `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['with something else in Connection', `HTTP/1.1 200 OK\r\nConnection: x\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['of HTTP/1.0', `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok`, [1, 1]],
  ['with a line end behind it', `${ok}\r\n`, [1, 1]],
  ['with bytes behind it', `${ok}poison`, [1, 1]],
  ['with another reply behind it', ok + ok.replace('ok', 'no'), [1, 1]],
  ['to be without a body, with one', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nno', [1, 1]],
  [
    'chunked, with another reply behind it',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${ok.replace('ok', 'no')}`,
    [1, 1],
  ],
])(
  'after a reply %s, the next reply is correct and the connection is reused only if allowed',
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
  'bytes after a bodyless reply %s with Content-Length never become a reply, however late they arrive',
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

test('a reply to HEAD without Content-Length keeps its connection open', async () => {
  const upstream = await rawUpstream(oddOnce('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'))
  const target = targetOf(upstream)
  await called(target, { method: 'HEAD' })

  expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
  expect(served(upstream)).toEqual([2])
})

test.each([
  ['says something', (wire: Wire) => wire.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno')],
  ['is ended', async (wire: Wire) => wire.finish()],
  ['is reset', async (wire: Wire) => wire.reset()],
])('an idle connection that %s is not reused', async (_title, odd) => {
  const upstream = await rawUpstream(oddOnce(ok, odd))
  const target = targetOf(upstream)
  await called(target)
  await sleep(50)

  expect(await called(target)).toMatchObject({ status: 200, body: 'ok' })
  expect(served(upstream)).toEqual([1, 1])
})

test('the client closes an idle connection before the service does', async () => {
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

test('the most recently used connection is reused first, and at most 256 idle connections are kept', async () => {
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
  // One whose request the kernel was slow to take is not kept.
  expect(upstream.received.length).toBeGreaterThanOrEqual(300 + 300 - 256)
  expect(upstream.received.length).toBeLessThan(300 + 300 - 246)
})

test('a reply that arrives during the upload is relayed, and its connection is not reused', async () => {
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
  'a service that disconnects in mid-body (%s) causes upstream-broken after the received bytes are relayed',
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

test('a cancelled upload closes its connection and stops reading the request body', async () => {
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

test('an upload is read only as fast as the service reads', async () => {
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
  ['more', ['so', 'mething'], 'request body longer than its Content-Length'],
  ['fewer', ['som'], 'request body shorter than its Content-Length'],
])(
  'a request body with %s bytes than its Content-Length is a fault, and no second request is sent',
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
  ['says nothing', silent, { firstByteMs: 300, idleMs: 20_000 }, ['fault']],
  ['says nothing but interim replies', hinting, { firstByteMs: 300, idleMs: 20_000 }, ['fault']],
  ['stalls in mid-body', stalled, { firstByteMs: 20_000, idleMs: 300 }, ['head', 'data', 'fault']],
])('a service that %s fails the exchange without a retry', async (_title, script, timeouts, events) => {
  const log = await called(targetOf(await rawUpstream(script)), { timeouts })

  expect(log.events).toEqual(events)
  expect(log.fault).toMatchObject({ reason: 'upstream-timeout', retryable: false })
})

test('the service timeout is paused while the gate waits for the client', async () => {
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

test('a reply head of up to 64 KiB that arrives byte by byte is parsed, and a longer one is rejected', async () => {
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
