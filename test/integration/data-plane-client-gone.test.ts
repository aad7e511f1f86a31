import { expect, test } from 'vitest'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import type { TestNode } from '../kit/test-node.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { startPublicNode } from './data-plane-node.ts'

// S-133: when a client disconnects, the gate cancels its call to the service, writes one record of the exchange, and
// keeps no state of it.

/** State of an exchange when its client disconnects, and the status in the record of the exchange. */
interface Departure {
  readonly when: string
  readonly bytes: (target: string) => string
  /** Waits until the exchange has reached this state. */
  readonly reached: (wire: Wire, upstream: TestUpstream, target: string) => Promise<void>
  readonly status: number
}

const seen = async (upstream: TestUpstream, target: string) => {
  await until(`${target} arrives`, () => upstream.requests.some(({ url }) => url === target))
}
const get = (target: string) => requestBytes({ target }).toString('latin1')

const departures: Departure[] = [
  {
    when: 'before the reply',
    bytes: get,
    reached: (_wire, upstream, target) => seen(upstream, target),
    status: 499,
  },
  {
    when: 'during an upload with Content-Length',
    bytes: (target) => `POST ${target} HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000000\r\n\r\nhello`,
    reached: (_wire, upstream, target) => seen(upstream, target),
    status: 499,
  },
  {
    when: 'during a chunked upload',
    bytes: (target) => `POST ${target} HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    reached: (_wire, upstream, target) => seen(upstream, target),
    status: 499,
  },
  {
    when: 'during a chunked reply',
    bytes: (target) => get(`${target}&reply=chunked`),
    reached: async (wire) => void (await wire.until('hello')),
    status: 200,
  },
  {
    when: 'during a reply with Content-Length',
    bytes: (target) => get(`${target}&reply=length`),
    reached: async (wire) => void (await wire.until('hello')),
    status: 200,
  },
]

/** Starts a service that begins a reply if the URL has `reply=`, and never ends the reply. */
const startHesitant = () =>
  startUpstream({
    handler: (received, response) => {
      const reply = /reply=(\w+)/.exec(received.url)?.[1]
      if (received.url.includes('good')) return void response.end('good')
      if (reply === undefined) return
      if (reply === 'length') response.setHeader('content-length', 1_000_000)
      response.write('hello')
    },
  })

const upstream = await startHesitant()
const node = await startPublicNode([upstream.url])

test.concurrent.each(
  departures.flatMap((departure, index) => [
    { ...departure, how: 'resets', target: `/s/${index}-resets?` },
    { ...departure, how: 'closes', target: `/s/${index}-closes?` },
  ]),
)(
  'when a client $how its connection $when, the gate cancels the call to the service and logs `client-gone`',
  async (departure) => {
    const { how, target, bytes, reached, status } = departure
    const wire = await connect(node.port)
    await wire.send(bytes(target))
    await reached(wire, upstream, target)

    if (how === 'resets') wire.reset()
    else wire.finish()

    const received = upstream.requests.find(({ url }) => url.startsWith(target))!
    await until('the service sees it', () => received.aborted)
    const path = target.replace(/\?.*/, '')
    const record = await node.waitForRecord((record) => record['path'] === path)
    expect(record).toMatchObject({ decision: 'broken', reason: 'client-gone', status })
  },
)

test('the gate writes one access log record for each of 200 clients that disconnect, and afterwards stops at once because no exchange is in progress', async () => {
  const upstream = await startHesitant()
  const node = await startPublicNode([upstream.url])
  for (let n = 0; n < 200; n++) {
    const { bytes, reached } = departures[n % departures.length]!
    const target = `/s/${n}?n=${n}`
    const wire = await connect(node.port)
    await wire.send(bytes(target))
    await reached(wire, upstream, target)
    wire.reset()
  }

  await until('all calls are cancelled', () => upstream.requests.filter(({ aborted }) => aborted).length === 200)
  await until('all records', () => node.accessLog().length === 200)
  expect((await request(node.port, requestBytes({ target: '/s/good' }))).text).toBe('good')
  await expectIdleStop(node)
  const records = node.accessLog()
  expect(records.filter(({ reason }) => reason === 'client-gone')).toHaveLength(200)
  expect(new Set(records.map(({ id }) => id)).size).toBe(201)
})

test('the gate cancels the call to the service when a client disconnects before it has read the reply', async () => {
  const upstream = await startUpstream({
    handler: (_received, response) => void response.end(Buffer.alloc(20_000_000)),
  })
  const node = await startPublicNode([upstream.url])
  const wires = await Promise.all(Array.from({ length: 20 }, () => connect(node.port)))
  for (const wire of wires) await wire.send(requestBytes({ target: '/s/1' }))
  // Each reply has begun, and the service cannot send the rest before the client reads.
  for (const wire of wires) await wire.some()

  for (const wire of wires) wire.reset()

  await until('all calls are cancelled', () => upstream.requests.filter(({ aborted }) => aborted).length === 20)
  await until('all records', () => node.accessLog().length === 20)
  await expectIdleStop(node)
  expect(node.accessLog().every(({ reason }) => reason === 'client-gone')).toBe(true)
})

/** Stops the node, and expects no request in flight and no connection closed by force. */
async function expectIdleStop(node: TestNode): Promise<void> {
  await node.stop()
  expect(node.log.find(({ msg }) => msg === 'node stops and waits for running exchanges')).toMatchObject({
    in_flight: 0,
  })
  expect(node.log.find(({ msg }) => msg === 'node stopped')).toMatchObject({ cut_off: 0 })
}
