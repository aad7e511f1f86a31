import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { type RawUpstream, rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import type { Wire } from '../kit/wire.ts'
import { publicPolicy } from './data-plane-node.ts'
import { requestLinesOf } from './upstream-script.ts'

// RFC 9112 §9.3.1: a service may close a kept connection while the gate writes the next request to it. The gate sends
// that request once more if its method is safe, it has no body, and no byte of a reply has arrived.

const reply = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Starts a service that ends its first connection at the second request, and serves all other connections. */
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
].map((sent) => ({ ...sent, tries: 1 }))

const cases = await Promise.all(
  Object.keys(ends).flatMap((end) =>
    [...retried, ...notRetried].map(async (sent, index) => {
      const title = `${sent.method} ${JSON.stringify(sent.fields + sent.body)}`
      return { ...sent, end, title, id: `${end}-${index}`, upstream: await dying(ends[end]!) }
    }),
  ),
)
/** Service that ends its first connection at the second request, and every later connection at the first request. */
const hopeless = await rawUpstream(async (wire, index) => {
  await wire.until('\r\n\r\n')
  if (index > 0) return
  await wire.send(reply)
  await wire.until('\r\n\r\n')
})
/** Service that ends its first connection at the second request, after one byte of a reply. */
const halfway = await rawUpstream(async (wire, index) => {
  for (let n = 0; await wire.some(60_000); n++) {
    await wire.until('\r\n\r\n')
    if (index === 0 && n === 1) return wire.send('H')
    await wire.send(reply)
  }
})
/** Resolves when the gate has closed its side of the connection to `leaving`. */
const left = Promise.withResolvers<void>()
const leaving = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await wire.send(reply)
  wire.finish()
  await wire.rest(60_000)
  left.resolve()
})
/** Service that ends each of its three connections at the second request, as a restarting service does. */
const restarting = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await until('three connections are open', () => restarting.received.length >= 3)
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

/** Sends two requests. The second one uses the kept connection to the service, on which the first was served. */
async function second(id: string, bytes: string | Buffer, head = false) {
  expect((await request(node.port, requestBytes({ target: `/${id}/first` }))).status).toBe(200)
  const second = await request(node.port, bytes, { head })
  return { second, record: await node.waitForRecord((record) => record['id'] === second.field('x-request-id')) }
}

const timesReceived = (upstream: RawUpstream, target: string) =>
  requestLinesOf(upstream)
    .flat()
    .filter((line) => line.endsWith(` ${target}`)).length

test.concurrent.each(cases)(
  'if the service $end the reused connection, the gate sends $title $tries times',
  async (sent) => {
    const { method, fields, body, tries, id, upstream } = sent
    const bytes = `${method} /${id}/second HTTP/1.1\r\nHost: api.test\r\n${fields}\r\n${body}`

    const { second: got, record } = await second(id, bytes, method === 'HEAD')

    expect(got.status).toBe(tries === 2 ? 200 : 502)
    expect(record).toMatchObject({ attempts: tries, reason: tries === 2 ? 'admitted' : 'upstream-broken' })
    expect(timesReceived(upstream, `/${id}/second`)).toBe(tries)
  },
)

test.concurrent('if the first attempt on a reused connection and the second attempt both fail, the gate replies 502', async () => {
  const { second: got, record } = await second('hopeless', requestBytes({ target: '/hopeless/second' }))

  expect(got.status).toBe(502)
  expect(record).toMatchObject({ attempts: 2, reason: 'upstream-broken' })
  expect(timesReceived(hopeless, '/hopeless/second')).toBe(2)
})

test.concurrent('the second attempt of a request uses a new connection, because other idle connections may be closed too', async () => {
  const first = requestBytes({ target: '/restarting/first' })
  await Promise.all([1, 2, 3].map(() => request(node.port, first)))
  const got = await request(node.port, requestBytes({ target: '/restarting/second' }))

  expect(got.status).toBe(200)
  expect(
    requestLinesOf(restarting)
      .map((lines) => lines.length)
      .sort(),
  ).toEqual([1, 1, 1, 2])
})

test.concurrent('the gate does not send a request again after the first byte of a reply, and replies 502', async () => {
  const { second: got, record } = await second('halfway', requestBytes({ target: '/halfway/second' }))

  expect(got.status).toBe(502)
  expect(record).toMatchObject({ attempts: 1, reason: 'upstream-broken' })
  expect(timesReceived(halfway, '/halfway/second')).toBe(1)
})

test.concurrent('the gate does not send a POST on an idle connection that the service has closed, and the POST succeeds', async () => {
  await request(node.port, requestBytes({ target: '/leaving/first' }))
  await left.promise
  const got = await request(node.port, requestBytes({ method: 'POST', target: '/leaving/second', body: 'hello' }))

  expect(got.status).toBe(200)
  expect(requestLinesOf(leaving)).toEqual([['GET /leaving/first'], ['POST /leaving/second']])
})
