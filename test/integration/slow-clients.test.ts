import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startNode } from '../kit/node.ts'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import type { Wire } from '../kit/wire.ts'
import { publicPolicy } from './data-plane-node.ts'
import { type Framing, framed, framingFields, sendPaced } from './paced-body.ts'

// docs/guide/failures.md: a client for which the gate waits must send or read at least 1 KiB/s, measured over
// `request.idle`, or its exchange is aborted (`reader-stalled`, `upload-stalled`). Faster clients are served, and so
// are clients that wait for a slow service. The tests check rates and bounds, not durations.

// The tests wait for most of their time, and run concurrently.
vi.setConfig({ testTimeout: 180_000 })

const idleS = 8
const MIB = 1024 * 1024
const patience = { limitMs: 60_000 }

/** Body that is larger than the socket buffers of gate and client. */
const large = Buffer.alloc(24 * MIB, 'large ')
const sending = await startUpstream({
  handler: (received, response) => {
    if (received.url.includes('length')) response.setHeader('content-length', large.length)
    else response.flushHeaders()
    response.end(large)
  },
})
const receiving = await startUpstream()
const lateBytes = 12 * MIB
/** Service that reads the body only after the gate has paused the client for longer than `request.idle`. */
const late = await rawUpstream(async (wire) => {
  await wire.until('\r\n\r\n')
  await sleep((idleS + 4) * 1000)
  for (let left = lateBytes; left > 0; ) left -= (await wire.take(Math.min(left, MIB), 30_000)).length || left
  await wire.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate')
})
/** Service that sends 12 MiB of its reply, is silent for longer than `request.idle`, and then ends the reply. */
const quiet = await startUpstream({
  handler: async (_received, response) => {
    response.write(large.subarray(0, 12 * MIB))
    await sleep((idleS + 6) * 1000)
    response.end('end')
  },
})
const node = await startNode({
  policy: publicPolicy({
    quiet: { upstreams: [quiet.url] },
    sending: { upstreams: [sending.url] },
    receiving: { upstreams: [receiving.url], route: { body: { max: 'none' } } },
    late: { upstreams: [late.url], route: { body: { max: 'none' } }, entry: { timeouts: { first_byte: '1m' } } },
  }),
  settings: { request: { idle: `${idleS}s` } },
})

const recordOf = (path: string) => node.waitForRecord((record) => record['path'] === path, 60_000)

test.concurrent.each(['length', 'chunked'])(
  'the gate disconnects a client that stops reading a reply (framing: %s), and aborts the request to the service',
  async (framing) => {
    const target = `/sending/stopped-${framing}`
    const wire = await connect(node.port)
    await wire.send(requestBytes({ target }))
    await wire.take(100_000)

    expect(await recordOf(target)).toMatchObject({ decision: 'broken', reason: 'reader-stalled', status: 200 })
    await until(
      'the request to the service is aborted',
      () => sending.requests.find(({ url }) => url === target)?.aborted === true,
    )
    const rest = await wire.rest()
    expect(rest.length).toBeLessThan(large.length)
    expect(wire.ending).not.toBe('open')
  },
)

test.concurrent.each(['length', 'chunked'])(
  'a client that reads 512 KiB/s for twice request.idle gets the complete reply (framing: %s)',
  async (framing) => {
    const target = `/sending/slow-${framing}`
    const wire = await connect(node.port)
    await wire.send(requestBytes({ target }))
    // Number of reads, 250 ms apart: together they take twice `request.idle`. Slower reads would look like a stall,
    // because the kernels acknowledge them in large steps.
    const pieces = idleS * 2 * 4
    for (let n = 0; n < pieces; n++) {
      expect((await wire.take(128 * 1024)).length).toBe(128 * 1024)
      await sleep(250)
    }
    const left = large.length - pieces * 128 * 1024
    expect((await wire.take(left, 60_000)).length).toBe(left)
    wire.close()
  },
)

test.concurrent.each<Framing>(['length', 'chunked'])(
  'the gate completes an upload at 2 KiB/s that takes twice request.idle (framing: %s)',
  async (framing) => {
    const target = `/receiving/slow-${framing}`
    const [bytesPerSecond, bytes] = [2048, idleS * 2 * 2048]
    const wire = await connect(node.port)
    await wire.send(`POST ${target} HTTP/1.1\r\nHost: api.test\r\n${framingFields(framing, bytes)}\r\n`)
    const startedMs = performance.now()
    for (let sent = 0; sent < bytes; ) {
      await sleep(500)
      // The number of bytes is computed from the clock, so that late wake-ups of this process do not lower the rate.
      const due = Math.min(bytes, Math.floor((bytesPerSecond * (performance.now() - startedMs)) / 1000))
      await wire.send(framed(Buffer.alloc(due - sent, 'x'), framing))
      sent = due
    }
    if (framing === 'chunked') await wire.send('0\r\n\r\n')

    expect((await readReply(wire))?.json()).toMatchObject({ body: { bytes } })
  },
)

test.concurrent.each([
  { how: 'that stops after 5 bytes', gapMs: 0, pieces: 0 },
  { how: 'of 200 bytes/s', gapMs: 500, pieces: 1000 },
])(
  'the gate replies 408 upload-stalled to an upload $how, and aborts the request to the service',
  async ({ how, gapMs, pieces }) => {
    const target = `/receiving/stalled-${pieces}`
    const wire = await connect(node.port)
    await wire.send(`POST ${target} HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000000\r\n\r\nhello`)
    const reply = readReply(wire, patience)
    void drip(wire, pieces, gapMs)

    expect((await reply)?.status, how).toBe(408)
    expect((await reply)?.json()).toMatchObject({ code: 'request_timeout' })
    expect((await reply)?.field('connection')).toBe('close')
    expect(await recordOf(target)).toMatchObject({ decision: 'broken', reason: 'upload-stalled', status: 408 })
    const received = receiving.requests.find(({ url }) => url === target)!
    await received.over
    expect(received.aborted).toBe(true)
  },
)

test.concurrent('the gate completes uploads to a service that begins to read late, and does not treat the clients that wait for the service as stalled', async () => {
  // The test uses six clients, because only some of them send bytes after the pause. Those bytes must not restart the
  // listener's own timer.
  const wires = await Promise.all(Array.from({ length: 6 }, () => connect(node.port)))
  for (const wire of wires) {
    await wire.send(`POST /late/1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${lateBytes}\r\n\r\n`)
  }
  await Promise.all(wires.map((wire) => sendPaced(wire, Buffer.alloc(lateBytes), 'length', 200_000_000)))
  const replies = await Promise.all(wires.map((wire) => readReply(wire, patience)))

  expect(replies.map((reply) => reply?.text)).toEqual(wires.map(() => 'late'))
})

test.concurrent('the gate does not disconnect a client that read slowly but has read everything while its service sends nothing', async () => {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ target: '/quiet/1' }))
  await sleep(2500)

  const reply = await readReply(wire, patience)
  expect(reply).toMatchObject({ status: 200, complete: true })
  expect(reply!.body.length).toBe(12 * MIB + 3)
})

async function drip(wire: Wire, pieces: number, gapMs: number): Promise<void> {
  for (let n = 0; n < pieces && wire.ending === 'open'; n++) {
    await sleep(gapMs)
    // A reply that has come is read first, because a write to a reset connection would discard it.
    await turn()
    await wire.send('x'.repeat(100))
  }
}
