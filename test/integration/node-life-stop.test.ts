import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import { NodeProcess } from '../kit/node-process.ts'
import { testPolicy } from '../kit/policy.ts'
import { listen } from '../kit/ports.ts'
import { connect, request, requestBytes } from '../kit/raw-client.ts'
import { type RawReply, readReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'

// docs/design/contract.md §6: a stop makes the node not ready, waits drain_delay, closes the listener, adds
// `Connection: close` to replies, waits for exchanges in progress until drain_timeout, and exits with 0.

const issuer = await startIssuer()
const target = '/orders/1'

interface Stopping {
  readonly node: NodeProcess
  readonly upstream: TestUpstream
  /** Makes the service reply to all requests that it has received. */
  readonly answer: () => void
}

/** Starts a node whose service replies to requests for /orders only after `answer()`. */
async function startStopping(settings: object): Promise<Stopping> {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const upstream = await startUpstream({
    handler: async (received, response) => {
      await received.over
      if (received.url.startsWith('/orders')) await answered
      response.end(`${received.bodyBytes} bytes`)
    },
  })
  const policy = testPolicy({ issuer: issuer.url, orders: upstream.url })
  return { node: await startNodeProcess({ policy, settings: { ...settings } }), upstream, answer }
}

const probe = async (node: NodeProcess, path: string) =>
  (await request(node.adminPort, requestBytes({ target: path, host: 'localhost' }))).status

const page = requestBytes({ target: '/public/page' })

/** Sends a request and waits until the service has received it. */
async function sendAndWait({ node, upstream }: Stopping, bytes: Buffer): Promise<Wire> {
  const before = upstream.requests.length
  const wire = await connect(node.port)
  await wire.send(bytes)
  await until('the service has received the request', () => upstream.requests.length > before)
  return wire
}

const connects = (node: NodeProcess) =>
  connect(node.port).then(
    (wire) => {
      wire.close()
      return true
    },
    () => false,
  )

const closing = (reply: RawReply | undefined) => ({ status: reply?.status, connection: reply?.field('connection') })

test('SIGTERM makes the node not ready, closes the listener after drain_delay and completes every request', async () => {
  const stopping = await startStopping({ drain_delay: '8s' })
  const { node, answer } = stopping
  const token = issuer.sign()
  const slow = await sendAndWait(stopping, requestBytes({ target, token }))
  const kept = await connect(node.port)
  await kept.send(page)
  expect(closing(await readReply(kept))).toEqual({ status: 200, connection: undefined })

  node.signal('SIGTERM')
  // During drain_delay load balancers see that the node is not ready. New connections are still accepted.
  await until('/readyz is 503', async () => (await probe(node, '/readyz')) === 503)
  expect(await probe(node, '/livez')).toBe(200)
  expect(await probe(node, '/startupz')).toBe(200)
  expect(closing(await request(node.port, page))).toEqual({ status: 200, connection: undefined })

  await until('the listener is closed', async () => !(await connects(node)))
  expect(await probe(node, '/readyz')).toBe(503)
  // An open connection serves one more request, whose reply has `Connection: close`.
  await kept.send(page)
  expect(closing(await readReply(kept))).toEqual({ status: 200, connection: 'close' })
  answer()
  const last = await readReply(slow)
  expect(closing(last)).toEqual({ status: 200, connection: 'close' })
  expect(last!.complete).toBe(true)

  expect(await node.ended()).toBe(0)
  expect(node.log.at(-1)).toMatchObject({ msg: 'node stopped', cut_off: 0 })
  expect(node.log.find(({ msg }) => msg === 'node stops and waits for running exchanges')).toMatchObject({
    in_flight: 1,
  })
  expect(node.accessLog().map(({ decision }) => decision)).toEqual(['admitted', 'admitted', 'admitted', 'admitted'])
  expect(node.stderr).toBe('')
})

test('a node completes an upload in progress at SIGTERM before it exits', async () => {
  const stopping = await startStopping({})
  const { node, upstream, answer } = stopping
  answer()
  const body = 'b'.repeat(200_000)
  const token = issuer.sign({ claims: { scope: 'orders:write' } })
  const bytes = requestBytes({ method: 'POST', target, token, body })
  const wire = await sendAndWait(stopping, bytes.subarray(0, bytes.length - 1000))

  node.signal('SIGTERM')
  await until('the listener is closed', async () => !(await connects(node)))
  await wire.send(bytes.subarray(bytes.length - 1000))
  const reply = await readReply(wire)

  expect(closing(reply)).toEqual({ status: 200, connection: 'close' })
  expect(reply!.text).toBe('200000 bytes')
  expect(upstream.requests.map(({ aborted }) => aborted)).toEqual([false])
  expect(await node.ended()).toBe(0)
})

test('a node aborts an exchange still in progress after drain_timeout and exits with 0', async () => {
  const stopping = await startStopping({ drain_timeout: '500ms' })
  const { node, upstream } = stopping
  const wire = await sendAndWait(stopping, requestBytes({ target, token: issuer.sign() }))

  node.signal('SIGTERM')

  expect((await wire.rest()).toString()).toBe('')
  expect(await node.ended()).toBe(0)
  expect(node.log.at(-1)).toMatchObject({ msg: 'node stopped', cut_off: 1 })
  expect(node.accessLog()).toMatchObject([{ path: target, decision: 'broken' }])
  await until('the request at the service is aborted', () => upstream.requests[0]!.aborted)
})

test('SIGTERM and SIGINT within a second count as one signal: the node drains', async () => {
  const stopping = await startStopping({})
  const { node } = stopping
  const wire = await sendAndWait(stopping, requestBytes({ target, token: issuer.sign() }))
  node.signal('SIGTERM')
  node.signal('SIGINT')
  await node.waitForLine(({ msg }) => msg === 'node stops and waits for running exchanges')
  expect(await wire.quiet(300)).toBe(true)

  stopping.answer()

  expect((await readReply(wire))?.status).toBe(200)
  expect(await node.ended()).toBe(0)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a second %s more than a second after the first ends the node immediately with exit code 1',
  async (signal) => {
    const stopping = await startStopping({ drain_timeout: '1h' })
    const { node, upstream } = stopping
    const wire = await sendAndWait(stopping, requestBytes({ target, token: issuer.sign() }))
    node.signal(signal)
    await node.waitForLine(({ msg }) => msg === 'node stops and waits for running exchanges')
    // A second signal within one second of the first counts as a repetition of the first, so the test waits 1.2 s.
    expect(await wire.quiet(1200)).toBe(true)

    node.signal(signal)

    expect(await node.ended()).toBe(1)
    expect((await wire.rest()).toString()).toBe('')
    await until('the request at the service is aborted', () => upstream.requests[0]!.aborted)
  },
)

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s without exchanges in progress ends the node and its idle connections',
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

test('SIGTERM ends a node that waits for Redis at its start, with exit code 0', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  const [port, connected] = [await listen(silent), once(silent, 'connection')]
  atEnd(() => void silent.close())
  const node = new NodeProcess({
    policy: '',
    settings: {
      redis: { url: `redis://127.0.0.1:${port}` },
      policy: { source: 'cluster', copy: 'policy-copy.json' },
      keys: { policy: [{ id: 'k1', secret: { env: 'POLICY_KEY' } }] },
    },
    env: { POLICY_KEY: randomBytes(32).toString('base64url') },
  })
  try {
    await connected
    expect(await node.stop()).toBe(0)
  } finally {
    await node.remove()
  }
})

test('SIGHUP does not stop the node', async () => {
  const { node } = await startStopping({})
  node.reload()

  expect(closing(await request(node.port, page))).toEqual({ status: 200, connection: undefined })
  expect(await node.stop()).toBe(0)
})
