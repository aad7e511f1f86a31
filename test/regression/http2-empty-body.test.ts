import { expect, test } from 'vitest'
import { publicPolicy } from '../integration/data-plane-node.ts'
import { Http2Service } from '../kit/http2-service.ts'
import { Http2Session } from '../kit/http2-session.ts'
import { startNode } from '../kit/node.ts'
import { startUpstream } from '../kit/upstream.ts'

// Node.js emits the end of an empty HTTP/2 body before the body is read. The gate listened to that event only once the
// upstream was connected, so the service waited for the end of the body.

const old = await startUpstream()
const service = await Http2Service.start({
  onStream: ({ stream }) => {
    stream.on('end', () => stream.respond({ ':status': 200 }, { endStream: true }))
    stream.resume()
  },
})
const node = await startNode({
  policy: publicPolicy({
    http1: { upstreams: [old.url] },
    h2c: { upstreams: [service.url], entry: { protocol: 'h2c' } },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})
const client = new Http2Session(node.http2Port)

test.each(['http1', 'h2c'])(
  'a POST over HTTP/2 whose empty body ends before the gate has connected to the %s upstream gets its reply',
  async (id) => {
    const { stream, reply } = client.send({ ':method': 'POST', ':path': `/${id}/first` }, 'open')
    stream.end()
    expect((await reply).status).toBe(200)
  },
)
