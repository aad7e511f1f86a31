import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { atEnd } from '../kit/cleanup.ts'
import { FrameClient, frame, frameType, getFields, headers, literals, uint32 } from '../kit/http2-frames.ts'
import { startNodeProcess } from '../kit/node.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// nodejs/node#39844: garbage collection frees the native part of a session before that of a stream which ended with
// unread fields. Node.js then aborts in `~Http2Session`: `(current_nghttp2_memory_) == (0)`. A client or a service can
// cause it at any time, because both can end a session in the middle of a header block.

/** Collects garbage when a TCP connection is accepted, between two reads of the event loop. */
const collector = `
  import { EventEmitter } from 'node:events'
  import { Server } from 'node:net'
  import { setFlagsFromString } from 'node:v8'
  import { runInNewContext } from 'node:vm'
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc')
  Server.prototype.emit = function (name, ...values) {
    if (name === 'connection') gc()
    return EventEmitter.prototype.emit.call(this, name, ...values)
  }`

const ROUNDS = 3
const STREAMS = 20
const streamOf = (i: number) => 2 * i + 1
const manyFields = Array.from({ length: 130 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(20)])
const post: readonly (readonly [string, string])[] = [[':method', 'POST'], ...getFields('/s/held').slice(1)]
/** DATA without a stream: a connection error (RFC 9113 §6.1). */
const connectionError = frame(frameType.data, 0, 0, Buffer.alloc(3))
const halfTrailers = (i: number) => frame(frameType.headers, 1, streamOf(i), literals(manyFields.slice(0, 20)))

/** Service with HTTP/2 that replies with a head to each request, and with nothing else. */
const heads = (i: number) => frame(frameType.headers, 4, streamOf(i), literals([[':status', '200']]))
const services: Socket[] = []
const service = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.on('data', () => undefined)
  services.push(socket)
  socket.write(Buffer.concat([frame(frameType.settings, 0, 0), frame(frameType.settings, 1, 0)]))
}).listen(0, '127.0.0.1')
await once(service, 'listening')
atEnd(() => {
  for (const socket of services) socket.destroy()
  service.close()
})
const serviceUrl = `http://127.0.0.1:${(service.address() as { port: number }).port}`

const upstream = await startUpstream({ handler: () => undefined })
const node = await startNodeProcess({
  policy: publicPolicy({
    s: { upstreams: [upstream.url] },
    t: { upstreams: [serviceUrl], entry: { protocol: 'h2c' } },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
  env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(collector)}` },
})

/** Makes the node receive bytes and a new connection in the same turn of its event loop. */
async function receiveAtOnce(send: () => Promise<unknown>): Promise<void> {
  node.signal('SIGSTOP')
  await send()
  const next = new FrameClient(node.http2Port, { from: '127.0.0.9' })
  await once(next.socket, 'connect')
  node.signal('SIGCONT')
  expect(await next.find(frameType.settings)).toBeDefined()
  next.socket.destroy()
}

const attacks: Readonly<Record<string, readonly Buffer[]>> = {
  'too many trailers': [
    ...Array.from({ length: STREAMS }, (_, i) => headers(streamOf(i), manyFields)),
    connectionError,
  ],
  'half of a block of trailers': [halfTrailers(0), connectionError],
  'half of a head after rapid resets': [
    ...Array.from({ length: 300 }, (_, i) => {
      const stream = streamOf(STREAMS + i)
      return Buffer.concat([headers(stream, getFields('/s/held')), frame(frameType.rstStream, 0, stream, uint32(8))])
    }),
    frame(frameType.headers, 1, streamOf(1000), literals(getFields('/s/held'))),
  ],
}

test.each(Object.entries(attacks))(
  'an HTTP/2 client that closes its connection after %s does not crash the node',
  async (_, bytes) => {
    for (let round = 0; round < ROUNDS; round++) {
      const client = new FrameClient(node.http2Port, { from: `127.0.4.${1 + round}` })
      await client.send(...Array.from({ length: STREAMS }, (__, i) => headers(streamOf(i), post, 'open')))
      await client.send(frame(frameType.ping, 0, 0, Buffer.alloc(8)))
      await client.find(frameType.ping)

      await receiveAtOnce(() => client.send(...bytes))

      client.socket.destroy()
    }
    expect(node.stderr).toBe('')
  },
)

test('an HTTP/2 service that closes its connection after half of its trailers does not crash the node', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const before = services.length
    const client = new FrameClient(node.http2Port, { from: `127.0.5.${1 + round}` })
    await client.send(...Array.from({ length: STREAMS }, (_, i) => headers(streamOf(i), getFields('/t/held'))))
    await until('the connection to the service', () => services.length > before)
    const socket = services.at(-1)!
    socket.write(Buffer.concat(Array.from({ length: STREAMS }, (_, i) => heads(i))))
    for (let i = 0; i < STREAMS; i++) await client.find(frameType.headers, streamOf(i))

    await receiveAtOnce(
      () => new Promise((resolve) => socket.write(Buffer.concat([halfTrailers(0), connectionError]), resolve)),
    )

    client.socket.destroy()
  }
  expect(node.stderr).toBe('')
})
