import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { FrameService } from '../kit/frame-service.ts'
import { FrameClient, frame, frameType, headers, uint32 } from '../kit/http2-frames.ts'
import { startNode } from '../kit/node.ts'
import { until } from '../kit/until.ts'

// Node.js ends the writable side of an HTTP/2 stream that it resets. A request body that its client had cut then reached
// the service with END_STREAM, as a complete body, before RST_STREAM.

const END_STREAM = 1
const service = await FrameService.start(() => {})
const node = await startNode({
  policy: publicPolicy({ s: { upstreams: [service.url], entry: { protocol: 'h2c' } } }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})

const head: [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/s/upload'],
  [':authority', 'api.test'],
]
const part = frame(frameType.data, 0, 1, Buffer.from('part'))
const reset = (code: number) => frame(frameType.rstStream, 0, 1, uint32(code))

/** Waits until the service has received RST_STREAM for a new stream. @returns the frames of the stream before it */
async function framesOfCutCall(from: number): Promise<readonly { type: number; flags: number }[]> {
  const reset = () => service.frames.findIndex(({ type }, i) => i >= from && type === frameType.rstStream)
  await until('RST_STREAM at the service', () => reset() >= 0)
  const { stream } = service.frames[reset()]!
  return service.frames.slice(from, reset()).filter((each) => each.stream === stream)
}

test.each([
  ['with CANCEL before its first byte', [reset(8)]],
  ['with CANCEL after its first bytes', [part, reset(8)]],
  ['with NO_ERROR after its first bytes', [part, reset(0)]],
])('if an HTTP/2 client breaks off a request body %s, the service never gets a complete body', async (_, frames) => {
  // Opens a session, so that the next call begins at once.
  const from = service.frames.length
  const client = new FrameClient(node.http2Port)
  client.write(headers(1, head, 'open'))
  await until('the call at the service', () =>
    service.frames.slice(from).some(({ type }) => type === frameType.headers),
  )
  client.write(...frames)
  expect((await framesOfCutCall(from)).filter(({ flags }) => (flags & END_STREAM) !== 0)).toEqual([])

  const after = service.frames.length
  const other = new FrameClient(node.http2Port)
  other.write(headers(1, head, 'open'))
  await new Promise((resolve) => setImmediate(resolve))
  other.write(...frames)
  expect((await framesOfCutCall(after)).filter(({ flags }) => (flags & END_STREAM) !== 0)).toEqual([])
})

test('if an HTTP/1.1 client breaks off a chunked request body, an HTTP/2 service never gets a complete body', async () => {
  const from = service.frames.length
  const client = connect(node.port, '127.0.0.1')
  client.write('POST /s/upload HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n')
  await until('the body at the service', () => service.frames.slice(from).some(({ type }) => type === frameType.data))
  client.destroy()

  expect((await framesOfCutCall(from)).filter(({ flags }) => (flags & END_STREAM) !== 0)).toEqual([])
})
