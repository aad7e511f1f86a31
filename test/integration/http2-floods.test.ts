import { expect, test } from 'vitest'
import { FrameClient, frame, frameType, getFields, headers, literals, uint32 } from '../kit/http2-frames.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { publicPolicy } from './data-plane-node.ts'

// Floods of HTTP/2 frames on one connection: each is cut, the node goes on, and an open stream of another client gets
// every message.

const upstream = await startUpstream({
  handler: ({ url }, response) => {
    if (url !== '/s/numbers') return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let number = 0
    const timer = setInterval(() => response.write(`data: ${number++}\n\n`), 5)
    response.on('close', () => clearInterval(timer))
  },
})
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [upstream.url] } }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})

const victim = new FrameClient(node.http2Port, { from: '127.0.0.2' })
victim.write(headers(1, getFields('/s/numbers')), frame(frameType.windowUpdate, 0, 1, uint32(2 ** 30)))
victim.write(frame(frameType.windowUpdate, 0, 0, uint32(2 ** 30)))

function numbers(): number[] {
  const data = victim.frames.filter(({ type }) => type === frameType.data).map(({ payload }) => payload)
  return [
    ...Buffer.concat(data)
      .toString()
      .matchAll(/^data: (\d+)\n\n/gm),
  ].map(([, number]) => Number(number))
}

const post: readonly (readonly [string, string])[] = [[':method', 'POST'], ...getFields('/s/post').slice(1)]
const reset = (stream: number, code = 8) => frame(frameType.rstStream, 0, stream, uint32(code))
const streamOf = (i: number) => 2 * i + 1
/** A literal that HPACK adds to its table (RFC 7541 §6.2.1), with a name below 127 bytes. */
const indexed = (name: string, value: string) => Buffer.concat([Buffer.of(0x40), literals([[name, value]]).subarray(1)])
/** References to the newest field in the table of HPACK. */
const references = Buffer.alloc(12_000, 0x80 | 62)

interface Flood {
  /** Frames that are sent once, at the start of the flood. */
  readonly first?: readonly Buffer[]
  /** Frame or frames that are sent in round i of the flood. */
  readonly round: (i: number) => Buffer
  /** Largest number of rounds that the client may send before it sees the end of the connection. */
  readonly most: number
  /** Largest number of requests that the gate may accept, in a flood of requests. */
  readonly requests?: number
  /** Cause of the end in the metrics. nghttp2 itself cuts a flood of frames that fills its queue of replies. */
  readonly cause: string
}

const floods: Readonly<Record<string, Flood>> = {
  'rapid reset (CVE-2023-44487)': {
    round: (i) => Buffer.concat([headers(streamOf(i), getFields('/s/reset')), reset(streamOf(i))]),
    most: 20_000,
    requests: 1_500,
    cause: 'cancel-flood',
  },
  'server resets by WINDOW_UPDATE 0 (MadeYouReset, CVE-2025-8671)': {
    round: (i) =>
      Buffer.concat([headers(streamOf(i), post, 'open'), frame(frameType.windowUpdate, 0, streamOf(i), uint32(0))]),
    most: 1000,
    requests: 1_000,
    cause: 'protocol-error',
  },
  'server resets by window overflow': {
    round: (i) =>
      Buffer.concat([
        headers(streamOf(i), post, 'open'),
        frame(frameType.windowUpdate, 0, streamOf(i), uint32(2 ** 31 - 1)),
      ]),
    most: 1000,
    requests: 1_000,
    cause: 'protocol-error',
  },
  'server resets by a stream that depends on itself': {
    round: (i) => {
      const itself = Buffer.concat([uint32(streamOf(i)), Buffer.of(1)])
      return Buffer.concat([headers(streamOf(i), post, 'open'), frame(frameType.priority, 0, streamOf(i), itself)])
    },
    most: 20_000,
    requests: 1_000,
    cause: 'protocol-error',
  },
  'requests that the client resets after a while': {
    round: (i) =>
      Buffer.concat([
        headers(streamOf(i), getFields('/s/held')),
        ...(i < 50 ? [] : [reset(streamOf(i - 50)), frame(frameType.windowUpdate, 0, 0, uint32(1))]),
      ]),
    most: 20_000,
    requests: 1_500,
    cause: 'cancel-flood',
  },
  'requests beyond max_streams': {
    round: (i) => headers(streamOf(i), getFields('/s/held')),
    most: 20_000,
    requests: 100,
    cause: 'protocol-error',
  },
  'requests with 130 fields': {
    round: (i) =>
      headers(streamOf(i), [
        ...getFields('/s/x'),
        ...Array.from({ length: 130 }, (_, j): [string, string] => [`x-${j}`, '']),
      ]),
    most: 20_000,
    requests: 100,
    cause: 'frame-flood',
  },
  'references of HPACK to one field of 3.9 KB (RFC 7541 §6.1)': {
    round: (i) => {
      const block = Buffer.concat([literals(getFields('/s/x')), indexed('x-b', 'b'.repeat(3900)), references])
      return frame(frameType.headers, 5, streamOf(i), block)
    },
    most: 1000,
    requests: 100,
    cause: 'frame-flood',
  },
  'malformed requests': {
    round: (i) => headers(streamOf(i), [...getFields('/s/x'), ['connection', 'x']]),
    most: 2000,
    requests: 100,
    cause: 'protocol-error',
  },
  PING: { round: () => frame(frameType.ping, 0, 0, Buffer.alloc(8)), most: 20_000, cause: 'ping-flood' },
  SETTINGS: { round: () => frame(frameType.settings, 0, 0), most: 20_000, cause: 'settings-flood' },
  WINDOW_UPDATE: {
    round: () => frame(frameType.windowUpdate, 0, 0, uint32(1)),
    most: 2_000_000,
    cause: 'frame-flood',
  },
  'WINDOW_UPDATE for one stream': {
    first: [headers(1, getFields('/s/held'))],
    round: () => frame(frameType.windowUpdate, 0, 1, uint32(1)),
    most: 2_000_000,
    cause: 'frame-flood',
  },
  PRIORITY: {
    round: (i) => frame(frameType.priority, 0, streamOf(i % 1000), Buffer.alloc(5)),
    most: 200_000,
    cause: 'protocol-error',
  },
  'RST_STREAM for a closed stream': {
    first: [headers(1, getFields('/none'))],
    round: () => reset(1),
    most: 200_000,
    cause: 'protocol-error',
  },
  CONTINUATION: {
    first: [frame(frameType.headers, 0, 1, literals(getFields('/s/x')))],
    round: () => frame(frameType.continuation, 0, 1),
    most: 1000,
    cause: 'protocol-error',
  },
  'empty DATA': {
    first: [headers(1, post, 'open')],
    round: () => frame(frameType.data, 0, 1),
    most: 100_000,
    cause: 'protocol-error',
  },
  'unknown frames': { round: () => frame(0x2a, 0, 0), most: 200_000, cause: 'protocol-error' },
}

async function metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  return (await readMetrics(node.adminPort)).sum(`gatehouse_${name}`, labels)
}

/** Number of requests that the gate has accepted and ended over HTTP/2. */
async function acceptedRequests(): Promise<number> {
  await until('the end of the requests', async () => (await metric('http2_streams')) === 1)
  return (await metric('requests_total')) + (await metric('http2_streams_refused_total'))
}

test.for(Object.entries(floods))(
  'the gate disconnects an HTTP/2 client that floods it with %s, and the open stream of another client gets every message',
  async ([name, flood], { annotate }) => {
    const causes = async () => {
      const count = (cause: string) => metric('http2_sessions_ended_total', { cause })
      const isOfFrames = flood.cause.endsWith('-flood') && flood.cause !== 'cancel-flood'
      return (await count(flood.cause)) + (isOfFrames ? await count('protocol-error') : 0)
    }
    const before = await causes()
    const requestsBefore = await acceptedRequests()
    const from = `127.0.1.${Object.keys(floods).indexOf(name) + 1}`
    const client = new FrameClient(node.http2Port, { from })
    await client.send(...(flood.first ?? []))
    let rounds = 0
    while (!client.isEnded && rounds <= flood.most) {
      const batch = Array.from({ length: 100 }, (_, i) => flood.round(rounds + i))
      rounds += batch.length
      await client.send(...batch)
      // Let the end of the connection arrive.
      await new Promise((resolve) => setImmediate(resolve))
    }
    await client.ended

    const requests = (await acceptedRequests()) - requestsBefore
    await annotate(`cut by ${flood.cause} after ${requests} accepted requests; ${rounds} rounds sent`)
    expect(requests).toBeLessThanOrEqual(flood.requests ?? 1)
    expect(await causes()).toBeGreaterThan(before)
    const seen = numbers().length
    await until('further messages', () => numbers().length > seen + 10)
    expect(numbers()).toEqual(numbers().map((_, i) => i))
  },
)

test('the gate disconnects an HTTP/2 client that floods it with DATA frames of one byte', async () => {
  const client = new FrameClient(node.http2Port, { from: '127.0.1.100' })
  const byte = frame(frameType.data, 0, 1, Buffer.alloc(1))
  for (let stream = 1; stream < 40 && !client.isEnded; stream += 2) {
    const bytes = Buffer.from(byte)
    bytes.writeUInt32BE(stream, 5)
    await client.send(headers(stream, post, 'open'))
    for (let sent = 0; sent < 60_000 && !client.isEnded; sent += 1000) {
      await client.send(Buffer.concat(Array.from({ length: 1000 }, () => bytes)))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await client.ended

  expect(await metric('http2_sessions_ended_total', { cause: 'frame-flood' })).toBeGreaterThan(0)
})

test('many HTTP/2 uploads whose bodies the gate has not read yet do not count as a flood', async () => {
  const client = new FrameClient(node.http2Port, { from: '127.0.1.101' })
  // The connection is credited at once for what arrives; each stream has a window of 65,535 bytes.
  for (let i = 0; i < 60; i++) {
    await client.send(headers(streamOf(i), post, 'open'))
    for (let sent = 0; sent < 60_000; sent += 15_000) {
      await client.send(frame(frameType.data, 0, streamOf(i), Buffer.alloc(15_000)))
      if (i % 4 === 3) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  client.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)))

  expect(await client.find(frameType.ping)).toMatchObject({ flags: 1 })
  client.socket.destroy()
})

test('many small messages in HTTP/2 request bodies, as of a gRPC stream, do not count as a flood', async () => {
  const client = new FrameClient(node.http2Port, { from: '127.0.1.102' })
  // 180,000 DATA frames of 20 bytes: their frame heads alone are more than the gate accepts as overhead.
  for (let i = 0; i < 60; i++) {
    await client.send(headers(streamOf(i), post, 'open'))
    const message = frame(frameType.data, 0, streamOf(i), Buffer.alloc(20))
    for (let sent = 0; sent < 3000; sent += 1000) {
      await client.send(Buffer.concat(Array.from({ length: 1000 }, () => message)))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  client.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)))

  expect(await client.find(frameType.ping)).toMatchObject({ flags: 1 })
  client.socket.destroy()
})

test('after all HTTP/2 floods of this test, only the connection of the other client is still open at the node', async () => {
  await until('the end of the connections', async () => (await metric('http2_sessions')) === 1)
  await until('the end of the requests', async () => (await metric('http2_streams')) === 1)
  expect(node.stderr).toBe('')
})
