import { expect, test } from 'vitest'
import { connect, requestBytes } from '../kit/raw-client.ts'
import { readReply } from '../kit/raw-reply.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'
import { startPublicNode } from './data-plane-node.ts'

// The gate pauses a client that sends faster than the service reads. After the upload, the connection serves the next
// request.

/** Until this resolves, the service reads no body of /s/late. */
const released = Promise.withResolvers<void>()
const upstream = await startUpstream({
  handler: async (received, response, request) => {
    if (received.url === '/s/late') {
      request.pause()
      await released.promise
      request.resume()
    }
    // An early reply does not wait for the body.
    if (received.url !== '/s/early') await received.over
    response.end(String(received.bodyBytes))
  },
})
const node = await startPublicNode([upstream.url])

const sizes = [1, 60_000, 64 * 1024, 100_000, 300_000, 1_200_000]

test.each(sizes)('after an upload of %d bytes, the connection of the client serves further requests', async (size) => {
  const wire = await connect(node.port)
  for (let n = 0; n < 3; n++) {
    await wire.send(requestBytes({ method: 'POST', target: '/s/1', body: Buffer.alloc(size) }))
    expect((await readReply(wire))?.text).toBe(String(size))
  }
  await wire.send(requestBytes({ target: '/s/2' }))
  expect((await readReply(wire))?.status).toBe(200)
  wire.close()
})

test('after an upload to a service that reads late, the connection serves the next request', async () => {
  const wire = await connect(node.port)
  await wire.send(requestBytes({ method: 'POST', target: '/s/late', body: Buffer.alloc(1_200_000) }))
  await until('the request has reached the service', () => upstream.requests.some(({ url }) => url === '/s/late'))
  released.resolve()
  expect((await readReply(wire))?.text).toBe('1200000')

  await wire.send(requestBytes({ target: '/s/2' }))
  expect((await readReply(wire))?.status).toBe(200)
  wire.close()
})

test('if the service replies before it has read a complete upload, without Connection: close, the connection serves the next request', async () => {
  for (let n = 0; n < 5; n++) {
    const wire = await connect(node.port)
    await wire.send(requestBytes({ method: 'POST', target: '/s/early', body: Buffer.alloc(300_000) }))
    const reply = await readReply(wire)
    expect(reply?.status).toBe(200)
    if (reply!.field('connection') === undefined) {
      await wire.send(requestBytes({ target: '/s/2' }))
      expect((await readReply(wire))?.status).toBe(200)
    }
    wire.close()
  }
})
