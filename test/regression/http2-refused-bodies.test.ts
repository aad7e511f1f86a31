import { expect, test } from 'vitest'
import { Http2Session } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { readMetrics } from '../kit/metrics.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { until } from '../kit/until.ts'

// A refused request whose body had arrived before the end of the reply kept its stream until the end of the connection,
// because Node.js keeps a paused stream with unread bytes. After `max_streams` such requests, the connection refused all
// requests with ENHANCE_YOUR_CALM.

const issuer = await startIssuer()
const node = await startNode({
  policy: testPolicy({ issuer: issuer.url, orders: 'http://127.0.0.1:9' }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})

test.each([
  ['5 bytes', 5],
  ['40,000 bytes', 40_000],
])(
  '200 refused requests with a body of %s on one HTTP/2 connection all get a reply, and their streams end',
  async (_, size) => {
    const client = new Http2Session(node.http2Port)
    const body = Buffer.alloc(size)
    const statuses: number[] = []
    for (let i = 0; i < 200; i++) statuses.push((await client.post('/orders/1', body)).status)

    expect(new Set(statuses)).toEqual(new Set([401]))
    expect(client.goaways).toEqual([])
    const open = async () => (await readMetrics(node.adminPort)).sum('gatehouse_http2_streams')
    await until('the end of all streams', async () => (await open()) === 0)
  },
)
