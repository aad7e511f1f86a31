import { expect, test } from 'vitest'
import { readMetrics } from '../kit/metrics.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { startPublicNode } from './data-plane-node.ts'

// docs/reference/wire.md: a request that is refused before its body has arrived. Up to 256 KiB of the body are read, so
// that the client gets the reply and can use the connection again.

const REST_MAX = 256 * 1024
const upstream = await startUpstream()
const node = await startPublicNode([upstream.url], {
  limits: [{ name: 'posts', requests: 1, window: '1h', by: 'address' }],
})
const head = (length: number, more = '') =>
  `POST /nowhere HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${length}\r\n${more}\r\n`

const inFlight = async () => (await readMetrics(node.adminPort)).sum('gatehouse_in_flight', {})

/** Expects that the connection serves another request. */
async function expectServes(wire: Wire): Promise<void> {
  await wire.send(requestBytes({ target: '/.well-known/gatehouse/jwks.json' }))
  expect((await readReply(wire))?.status).toBe(200)
}

test.each([1, 1000, REST_MAX])(
  'a refused request with a body of %d bytes gets its reply after the body, and the connection serves the next request',
  async (length) => {
    const wire = await connect(node.port)
    await wire.send(head(length))
    await until('the gate has decided', async () => (await inFlight()) === 1)
    await wire.send(Buffer.alloc(length))
    const reply = await readReply(wire)

    expect(reply).toMatchObject({ status: 404, complete: true })
    expect(reply!.field('connection')).toBeUndefined()
    await expectServes(wire)
    wire.close()
    await until('no exchange is in progress', async () => (await inFlight()) === 0)
  },
)

test('a refused request, its body and the next request in one packet get two replies', async () => {
  const wire = await connect(node.port)
  const next = requestBytes({ target: '/.well-known/gatehouse/jwks.json' })
  await wire.send(Buffer.concat([Buffer.from(`${head(5)}hello`), next]))

  expect((await readReply(wire))?.status).toBe(404)
  expect((await readReply(wire))?.status).toBe(200)
  wire.close()
})

test.each([
  { what: 'whose body is larger than 256 KiB', bytes: head(REST_MAX + 1) },
  { what: 'with Expect: 100-continue', bytes: head(5, 'Expect: 100-continue\r\n') },
  {
    what: 'with a chunked body',
    bytes: 'POST /nowhere HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n',
  },
  { what: 'with an invalid path', bytes: head(5).replace('/nowhere', '/a/../b') },
])('a refused request $what gets its reply before the body, and the connection closes', async ({ bytes }) => {
  const wire = await connect(node.port)
  await wire.send(bytes)
  const reply = await readReply(wire)

  expect(reply!.status).toBeGreaterThanOrEqual(400)
  expect(reply!.field('connection')).toBe('close')
  expect((await wire.rest()).toString('latin1')).toBe('')
})

test('a refused request whose client does not send the rest of the body gets its reply, and the connection closes', async () => {
  const wire = await connect(node.port)
  await wire.send(`${head(1000)}x`)
  const reply = await readReply(wire)

  expect(reply).toMatchObject({ status: 404, complete: true })
  expect(reply!.field('connection')).toBe('close')
  await wire.rest()
  await until('no exchange is in progress', async () => (await inFlight()) === 0)
})

test('a client that disconnects while its reply waits for the rest of the body leaves no exchange behind', async () => {
  const wire = await connect(node.port)
  await wire.send(`${head(1000)}x`)
  await until('the exchange is in progress', async () => (await inFlight()) === 1)
  wire.reset()

  await until('no exchange is in progress', async () => (await inFlight()) === 0)
})

test('a POST above its limit gets 429 after its body, and the connection serves the next request', async () => {
  const post = requestBytes({ method: 'POST', target: '/s/1', body: Buffer.alloc(100_000) })
  const wire = await connect(node.port)
  await wire.send(post)
  expect((await readReply(wire))?.status).toBe(200)
  const before = upstream.requests.length
  await wire.send(post)
  const reply = await readReply(wire)

  expect(reply).toMatchObject({ status: 429, complete: true })
  expect(reply!.field('connection')).toBeUndefined()
  expect(upstream.requests).toHaveLength(before)
  await expectServes(wire)
  wire.close()
})
