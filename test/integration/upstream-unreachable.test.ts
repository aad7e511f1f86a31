import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { freePorts } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §14, "one upstream": a request whose connection fails goes to the next healthy upstream. Nothing was
// sent, so this applies to every method, with or without a body.

/** No process listens on these ports. Each service has its own, because services share the health of an upstream. */
const dead = freePorts(9).map((port) => `http://127.0.0.1:${port}`)
const alive = await startUpstream()
const alsoAlive = await startUpstream()
const node = await startNode({
  policy: publicPolicy({
    none: { upstreams: dead.slice(0, 1) },
    several: { upstreams: dead.slice(1, 5) },
    'second-of-two': { upstreams: [...dead.slice(5, 6), alive.url] },
    'last-of-three': { upstreams: [...dead.slice(6, 8), alive.url] },
    returning: { upstreams: [...dead.slice(8), alive.url] },
    both: { upstreams: [alive.url, alsoAlive.url] },
  }),
})

const recordOf = (id: string | undefined) => node.waitForRecord((record) => record['id'] === id)

test('when the only upstream refuses connections, the gate replies 502 after two attempts, and the log names the upstream', async () => {
  const reply = await request(node.port, requestBytes({ target: '/none/1' }))

  expect(reply.status).toBe(502)
  expect(reply.json()).toMatchObject({ code: 'bad_gateway' })
  expect(reply.text).not.toContain('127.0.0.1')
  expect(await recordOf(reply.field('x-request-id'))).toMatchObject({
    decision: 'failed',
    reason: 'upstream-unreachable',
    attempts: 2,
    fault: `${dead[0]}: no connection to the upstream (ECONNREFUSED)`,
  })
})

test('when the only upstream refuses connections, the gate replies 502 to an upload', async () => {
  const reply = await request(node.port, requestBytes({ method: 'POST', target: '/none/1', body: 'x'.repeat(100_000) }))

  expect(reply.status).toBe(502)
})

test('the gate tries at most three of four upstreams that refuse connections', async () => {
  const reply = await request(node.port, requestBytes({ target: '/several/1' }))

  expect(reply.status).toBe(502)
  expect(await recordOf(reply.field('x-request-id'))).toMatchObject({ reason: 'upstream-unreachable', attempts: 3 })
})

test('the gate sends requests to the healthy upstream, and tries the upstream that refuses connections for only a few of them', async () => {
  const replies: RawReply[] = []
  for (let n = 0; n < 20; n++) {
    replies.push(await request(node.port, requestBytes({ method: n % 2 ? 'PUT' : 'GET', target: '/second-of-two/1' })))
  }
  const records = await Promise.all(replies.map((reply) => recordOf(reply.field('x-request-id'))))
  const attempts = records.map((record) => record['attempts'])

  expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200))
  // Without back-off, every second request would try the refusing upstream. A back-off of 1 s may end on a busy machine.
  expect(attempts.filter((count) => count === 2).length).toBeGreaterThanOrEqual(1)
  expect(attempts.filter((count) => count === 2).length).toBeLessThan(8)
})

test('an upload reaches the only healthy upstream of three completely', async () => {
  const body = Buffer.alloc(500_000, 'upload')

  const reply = await request(node.port, requestBytes({ method: 'POST', target: '/last-of-three/1', body }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({
    body: { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') },
  })
  // At most one attempt for each upstream; none for an upstream in its back-off.
  const record = await recordOf(reply.field('x-request-id'))
  expect(record['attempts']).toBeLessThanOrEqual(3)
  expect(record).toMatchObject({ upstream: alive.url })
})

test('the gate uses an upstream again when the upstream accepts connections again', async () => {
  const get = requestBytes({ target: '/returning/1' })
  for (let n = 0; n < 2; n++) expect((await request(node.port, get)).status).toBe(200)

  const back = await startUpstream({ port: Number(new URL(dead[8]!).port) })

  const served = async () => {
    expect((await request(node.port, get)).status).toBe(200)
    return back.requests.length
  }
  await expect.poll(served).toBeGreaterThan(0)
})

test('the gate distributes requests over two healthy upstreams', async () => {
  const before = [alive, alsoAlive].map(({ requests }) => requests.length)
  // The upstream is random: each of them gets none of 60 requests once in 10^17 runs.
  for (let n = 0; n < 60; n++) await request(node.port, requestBytes({ target: '/both/1' }))

  for (const [index, { requests }] of [alive, alsoAlive].entries())
    expect(requests.length).toBeGreaterThan(before[index]!)
})
