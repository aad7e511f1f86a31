import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { startNode } from '../kit/node.ts'
import { freePorts } from '../kit/ports.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import type { RawReply } from '../kit/raw-reply.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// docs/design/contract.md §14, "one upstream": the next healthy one takes the request. Nothing of it was sent, so this
// holds for every method, body or not.

/** Nobody listens there. One each: what is known of an upstream is known to all services that name it. */
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

test('the only upstream refuses the connection: 502, tried once, and the log names it', async () => {
  const reply = await request(node.port, requestBytes({ target: '/none/1' }))

  expect(reply.status).toBe(502)
  expect(reply.json()).toMatchObject({ code: 'bad_gateway' })
  expect(reply.text).not.toContain('127.0.0.1')
  expect(await recordOf(reply.field('x-request-id'))).toMatchObject({
    decision: 'failed',
    reason: 'upstream-unreachable',
    attempts: 1,
    fault: `${dead[0]}: ECONNREFUSED`,
  })
})

test('an upload to it is refused as well, and its connection ends', async () => {
  const reply = await request(node.port, requestBytes({ method: 'POST', target: '/none/1', body: 'x'.repeat(100_000) }))

  expect(reply.status).toBe(502)
})

test('where all of many refuse, no more than three are tried', async () => {
  const reply = await request(node.port, requestBytes({ target: '/several/1' }))

  expect(reply.status).toBe(502)
  expect(await recordOf(reply.field('x-request-id'))).toMatchObject({ reason: 'upstream-unreachable', attempts: 3 })
})

test('the next one takes over, and the one that refused is left in peace', async () => {
  const replies: RawReply[] = []
  for (let n = 0; n < 20; n++) {
    replies.push(await request(node.port, requestBytes({ method: n % 2 ? 'PUT' : 'GET', target: '/second-of-two/1' })))
  }
  const records = await Promise.all(replies.map((reply) => recordOf(reply.field('x-request-id'))))
  const attempts = records.map((record) => record['attempts'])

  expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(200))
  // Were it not at rest, every second request would find it out again.
  expect(attempts.filter((count) => count === 2).length).toBeGreaterThanOrEqual(1)
  expect(attempts.filter((count) => count === 2).length).toBeLessThan(5)
})

test('an upload goes whole to the one that is there', async () => {
  const body = Buffer.alloc(500_000, 'upload')

  const reply = await request(node.port, requestBytes({ method: 'POST', target: '/last-of-three/1', body }))

  expect(reply.status).toBe(200)
  expect(reply.json()).toMatchObject({
    body: { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') },
  })
  expect(await recordOf(reply.field('x-request-id'))).toMatchObject({ attempts: 3, upstream: alive.url })
})

test('an upstream that comes back is used again', async () => {
  const get = requestBytes({ target: '/returning/1' })
  for (let n = 0; n < 2; n++) expect((await request(node.port, get)).status).toBe(200)

  const back = await startUpstream({ port: Number(new URL(dead[8]!).port) })

  const served = async () => {
    expect((await request(node.port, get)).status).toBe(200)
    return back.requests.length
  }
  await expect.poll(served).toBeGreaterThan(0)
})

test('healthy ones take turns', async () => {
  const before = [alive, alsoAlive].map(({ requests }) => requests.length)
  for (let n = 0; n < 10; n++) await request(node.port, requestBytes({ target: '/both/1' }))

  expect([alive, alsoAlive].map(({ requests }, index) => requests.length - before[index]!)).toEqual([5, 5])
})
