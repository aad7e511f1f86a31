import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode, type TestNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'

// docs/design/contract.md §6, order of a stop: not ready → drain_delay → the listener closes → what is answered ends
// its connection → what is under way, until drain_timeout → exit code 0.

const issuer = await startIssuer()
const target = '/orders/1'

interface Stopping {
  readonly node: TestNode
  readonly upstream: TestUpstream
  /** Lets the service answer what it has received. */
  readonly answer: () => void
}

/** A node whose service answers requests for /orders only when it is told to. */
async function startStopping(settings: object): Promise<Stopping> {
  const { promise: told, resolve: answer } = Promise.withResolvers<void>()
  const upstream = await startUpstream({
    handler: async (received, response) => {
      await received.over
      if (received.url.startsWith('/orders')) await told
      response.end(`${received.bodyBytes} bytes`)
    },
  })
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  return { node: await startNode({ policy, settings: { ...settings } }), upstream, answer }
}

const probe = async (node: TestNode, path: string) =>
  (await request(node.adminPort, requestBytes({ target: path, host: 'localhost' }))).status

const page = requestBytes({ target: '/public/page' })

/** Sends a request and waits until the service has it. */
async function underWay({ node, upstream }: Stopping, bytes: Buffer): Promise<Wire> {
  const before = upstream.requests.length
  const wire = await connect(node.port)
  await wire.send(bytes)
  await until('the service has it', () => upstream.requests.length > before)
  return wire
}

const connects = (node: TestNode) =>
  connect(node.port).then(
    (wire) => {
      wire.close()
      return true
    },
    () => false,
  )

const closing = (reply: RawReply | undefined) => ({ status: reply?.status, connection: reply?.field('connection') })

test('a stop in order: no request is lost, whenever it comes', async () => {
  const stopping = await startStopping({ drain_delay: '8s' })
  const { node, answer } = stopping
  const token = issuer.sign()
  const slow = await underWay(stopping, requestBytes({ target, token }))
  const kept = await connect(node.port)
  await kept.send(page)
  expect(closing(await readReply(kept))).toEqual({ status: 200, connection: undefined })

  node.signal('SIGTERM')
  // Balancers are to notice first: until then everything goes on as before.
  await until('not ready', async () => (await probe(node, '/readyz')) === 503)
  expect(await probe(node, '/livez')).toBe(200)
  expect(await probe(node, '/startupz')).toBe(200)
  expect(closing(await request(node.port, page))).toEqual({ status: 200, connection: undefined })

  await until('no connection is taken', async () => !(await connects(node)))
  expect(await probe(node, '/readyz')).toBe(503)
  // Connections that are there still serve, each a last request.
  await kept.send(page)
  expect(closing(await readReply(kept))).toEqual({ status: 200, connection: 'close' })
  answer()
  const last = await readReply(slow)
  expect(closing(last)).toEqual({ status: 200, connection: 'close' })
  expect(last!.complete).toBe(true)

  expect(await node.ended()).toBe(0)
  expect(node.log.at(-1)).toMatchObject({ msg: 'stopped', cut_off: 0 })
  expect(node.log.find(({ msg }) => msg === 'draining')).toMatchObject({ in_flight: 1 })
  expect(node.accessLog().map(({ decision }) => decision)).toEqual(['admitted', 'admitted', 'admitted', 'admitted'])
  expect(node.stderr).toBe('')
})

test('an upload under way is taken to its end', async () => {
  const stopping = await startStopping({})
  const { node, upstream, answer } = stopping
  answer()
  const body = 'b'.repeat(200_000)
  const token = issuer.sign({ claims: { scope: 'orders:write' } })
  const bytes = requestBytes({ method: 'POST', target, token, body })
  const wire = await underWay(stopping, bytes.subarray(0, bytes.length - 1000))

  node.signal('SIGTERM')
  await until('no connection is taken', async () => !(await connects(node)))
  await wire.send(bytes.subarray(bytes.length - 1000))
  const reply = await readReply(wire)

  expect(closing(reply)).toEqual({ status: 200, connection: 'close' })
  expect(reply!.text).toBe('200000 bytes')
  expect(upstream.requests.map(({ aborted }) => aborted)).toEqual([false])
  expect(await node.ended()).toBe(0)
})

test('what is not over after drain_timeout is cut, and the end is orderly all the same', async () => {
  const stopping = await startStopping({ drain_timeout: '500ms' })
  const { node, upstream } = stopping
  const wire = await underWay(stopping, requestBytes({ target, token: issuer.sign() }))

  node.signal('SIGTERM')

  expect((await wire.rest()).toString()).toBe('')
  expect(await node.ended()).toBe(0)
  expect(node.log.at(-1)).toMatchObject({ msg: 'stopped', cut_off: 1 })
  expect(node.accessLog()).toMatchObject([{ path: target, decision: 'broken' }])
  await until('the service sees it', () => upstream.requests[0]!.aborted)
})

test('a signal that comes twice at once, from a supervisor and from who started the node, is one: it drains', async () => {
  const stopping = await startStopping({})
  const { node } = stopping
  const wire = await underWay(stopping, requestBytes({ target, token: issuer.sign() }))
  node.signal('SIGTERM')
  node.signal('SIGINT')
  await node.waitForLine(({ msg }) => msg === 'draining')
  expect(await wire.quiet(300)).toBe(true)

  stopping.answer()

  expect((await readReply(wire))?.status).toBe(200)
  expect(await node.ended()).toBe(0)
})

test.each(['SIGTERM', 'SIGINT'] as const)('a second %s ends at once, whatever is under way', async (signal) => {
  const stopping = await startStopping({ drain_timeout: '1h' })
  const { node, upstream } = stopping
  const wire = await underWay(stopping, requestBytes({ target, token: issuer.sign() }))
  node.signal(signal)
  await node.waitForLine(({ msg }) => msg === 'draining')
  // Within a second it is the first one, heard twice.
  expect(await wire.quiet(1200)).toBe(true)

  node.signal(signal)

  expect(await node.ended()).toBe(1)
  expect((await wire.rest()).toString()).toBe('')
  await until('the service sees it', () => upstream.requests[0]!.aborted)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s of a node with nothing to do ends it, idle connections too',
  async (signal) => {
    const { node } = await startStopping({})
    const kept = await connect(node.port)
    await kept.send(page)
    await readReply(kept)

    node.signal(signal)

    expect(await node.ended()).toBe(0)
    expect((await kept.rest()).toString()).toBe('')
    expect(node.accessLog()).toHaveLength(1)
  },
)

test('SIGHUP stops nothing', async () => {
  const { node } = await startStopping({})
  node.signal('SIGHUP')

  expect(closing(await request(node.port, page))).toEqual({ status: 200, connection: undefined })
  expect(await node.stop()).toBe(0)
})
