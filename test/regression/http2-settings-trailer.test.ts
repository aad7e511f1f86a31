import { expect, test } from 'vitest'
import { trailerFields } from '../../gateway/upstream/trailer-fields.ts'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { FrameService, replyHeaders } from '../kit/frame-service.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startNode } from '../kit/node.ts'

// nghttp2 delivers `http2-settings` as a trailer, but Node.js throws an error when it is sent (RFC 9113 §8.2.2). The gate
// sends trailers from an event handler: the error ended the process.

test('a node survives a service that sends http2-settings as a trailer, and the client gets the other trailers', async () => {
  const service = await FrameService.start((write, stream) => {
    write(
      replyHeaders(stream, [[':status', '200']], 'open'),
      replyHeaders(stream, [
        ['grpc-status', '0'],
        ['http2-settings', 'AAMAAABkAARAAAAAAAIAAAAA'],
      ]),
    )
  })
  const node = await startNode({
    policy: publicPolicy({ s: { upstreams: [service.url], entry: { protocol: 'h2c' } } }),
    settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
  })
  const client = new Http2Session(node.http2Port)

  for (let i = 0; i < 2; i++) {
    const { status, trailers, code } = await client.get('/s/reply')
    expect([status, trailers, code]).toEqual([200, ['grpc-status', '0'], 0])
  }
})

test.each(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'te'])(
  'trailerFields omits %s, which Node.js refuses to send',
  (name) => {
    expect(Object.keys(trailerFields([name, 'x', 'a', '1']))).toEqual(['a'])
  },
)
