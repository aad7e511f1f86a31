import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { type RawUpstream, rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import type { Wire } from '../kit/wire.ts'
import { publicPolicy } from './data-plane-node.ts'
import { askedOn } from './upstream-script.ts'

// RFC 9112 §9.3.1: a service may close a kept connection at any time, just as the next request is written to it. That
// request is sent once more where this can do no harm: it is safe, has no body, and not a byte of a reply came.

const reply = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Answers the first request of its first connection, and ends that connection on the second. Others are served. */
const dying = (end: (wire: Wire) => void) =>
  rawUpstream(async (wire, index) => {
    for (let n = 0; await wire.some(60_000); n++) {
      await wire.until('\r\n\r\n')
      if (index === 0 && n === 1) return end(wire)
      await wire.send(reply)
    }
  })

const ends: Record<string, (wire: Wire) => void> = {
  closes: (wire) => wire.finish(),
  resets: (wire) => wire.reset(),
}

const retried = ['GET', 'HEAD', 'OPTIONS'].map((method) => ({ method, fields: '', body: '', tries: 2 }))
const notRetried = [
  ...['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method, fields: '', body: '' })),
  { method: 'POST', fields: 'Content-Length: 0\r\n', body: '' },
  { method: 'POST', fields: 'Content-Length: 5\r\n', body: 'hello' },
  { method: 'GET', fields: 'Content-Length: 5\r\n', body: 'hello' },
  { method: 'GET', fields: 'Transfer-Encoding: chunked\r\n', body: '0\r\n\r\n' },
].map((asked) => ({ ...asked, tries: 1 }))

const cases = await Promise.all(
  Object.keys(ends).flatMap((end) =>
    [...retried, ...notRetried].map(async (asked, index) => {
      const title = `${asked.method} ${JSON.stringify(asked.fields + asked.body)}`
      return { ...asked, end, title, id: `${end}-${index}`, upstream: await dying(ends[end]!) }
    }),
  ),
)
/** Dies on the second request of each connection, and on the first of the second one. */
const hopeless = await rawUpstream(async (wire, index) => {
  await wire.until('\r\n\r\n')
  if (index > 0) return
  await wire.send(reply)
  await wire.until('\r\n\r\n')
})
/** Says a byte before it dies. */
const halfway = await rawUpstream(async (wire, index) => {
  for (let n = 0; await wire.some(60_000); n++) {
    await wire.until('\r\n\r\n')
    if (index === 0 && n === 1) return wire.send('H')
    await wire.send(reply)
  }
})
/** The gate has closed its side too. */
const left = Promise.withResolvers<void>()
const leaving = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await wire.send(reply)
  wire.finish()
  await wire.rest(60_000)
  left.resolve()
})
/** Keeps three connections, and dies on the second request of each, as one that restarts does on all at once. */
const restarting = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await until('three connections', () => restarting.received.length >= 3)
  await wire.send(reply)
  await wire.until('\r\n\r\n')
})

const services = {
  ...Object.fromEntries(cases.map(({ id, upstream }) => [id, upstream])),
  hopeless,
  halfway,
  leaving,
  restarting,
}
const node = await startNode({
  policy: publicPolicy(Object.fromEntries(Object.entries(services).map(([id, { url }]) => [id, { upstreams: [url] }]))),
})

/** Sends a request over a connection that has served one. */
async function second(id: string, bytes: string | Buffer, head = false) {
  expect((await request(node.port, requestBytes({ target: `/${id}/first` }))).status).toBe(200)
  const second = await request(node.port, bytes, { head })
  return { second, record: await node.waitForRecord((record) => record['id'] === second.field('x-request-id')) }
}

const timesAsked = (upstream: RawUpstream, target: string) =>
  askedOn(upstream)
    .flat()
    .filter((line) => line.endsWith(` ${target}`)).length

test.concurrent.each(cases)(
  'when the service $end the kept connection, $title is sent $tries time(s)',
  async (asked) => {
    const { method, fields, body, tries, id, upstream } = asked
    const bytes = `${method} /${id}/second HTTP/1.1\r\nHost: api.test\r\n${fields}\r\n${body}`

    const { second: got, record } = await second(id, bytes, method === 'HEAD')

    expect(got.status).toBe(tries === 2 ? 200 : 502)
    expect(record).toMatchObject({ attempts: tries, reason: tries === 2 ? 'admitted' : 'upstream-broken' })
    expect(timesAsked(upstream, `/${id}/second`)).toBe(tries)
  },
)

test.concurrent('one more try is all: when it fails too, it is 502', async () => {
  const { second: got, record } = await second('hopeless', requestBytes({ target: '/hopeless/second' }))

  expect(got.status).toBe(502)
  expect(record).toMatchObject({ attempts: 2, reason: 'upstream-broken' })
  expect(timesAsked(hopeless, '/hopeless/second')).toBe(2)
})

test.concurrent('the one more try goes over a new connection: other kept ones may be closed just as well', async () => {
  const first = requestBytes({ target: '/restarting/first' })
  await Promise.all([1, 2, 3].map(() => request(node.port, first)))
  const got = await request(node.port, requestBytes({ target: '/restarting/second' }))

  expect(got.status).toBe(200)
  expect(
    askedOn(restarting)
      .map((lines) => lines.length)
      .sort(),
  ).toEqual([1, 1, 1, 2])
})

test.concurrent('a service that said a byte of a reply has acted: nothing is sent again', async () => {
  const { second: got, record } = await second('halfway', requestBytes({ target: '/halfway/second' }))

  expect(got.status).toBe(502)
  expect(record).toMatchObject({ attempts: 1, reason: 'upstream-broken' })
  expect(timesAsked(halfway, '/halfway/second')).toBe(1)
})

test.concurrent('a connection that the service has closed in the meantime is not used: even a POST goes through', async () => {
  await request(node.port, requestBytes({ target: '/leaving/first' }))
  await left.promise
  const got = await request(node.port, requestBytes({ method: 'POST', target: '/leaving/second', body: 'hello' }))

  expect(got.status).toBe(200)
  expect(askedOn(leaving)).toEqual([['GET /leaving/first'], ['POST /leaving/second']])
})
