import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { Http2Session } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNodeProcess } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// Streams over HTTP/2 end with their authority, each by itself, and a stopping node completes running requests.

const replies: ServerResponse[] = []
const upstream = await startUpstream({
  handler: ({ url }, response) => {
    if (url.endsWith('/events')) response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('begun')
    replies.push(response)
  },
})
const issuer = await startIssuer()
const policyOf = (scope: string) =>
  testPolicy({
    issuer: issuer.url,
    orders: upstream.url,
    ordersEntry: {
      routes: [{ id: 'orders', match: { path: '/orders/**' }, require: { scopes: { all: [scope] } } }],
    },
  })
const node = await startNodeProcess({
  policy: policyOf('orders:read'),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false } },
})
const tokenOf = (sub: string, scope: string) => issuer.sign({ claims: { sub, scope } })

test('a changed policy ends the HTTP/2 streams that it refuses, and other streams on the same connection continue', async () => {
  const client = new Http2Session(node.http2Port)
  const open = async (path: string, sub: string, scope: string) => {
    const sent = client.send({ ':path': path, authorization: `Bearer ${tokenOf(sub, scope)}` })
    await new Promise((resolve) => sent.stream.once('data', resolve))
    return sent
  }
  const weak = await open('/orders/events', 'weak', 'orders:read')
  const download = await open('/orders/download', 'download', 'orders:read')
  const strong = await open('/orders/events', 'strong', 'orders:read orders:more')
  const strongReply = replies.at(-1)!
  await swap(node, policyOf('orders:more'))

  // An event stream ends cleanly, so that its client reconnects; a download must not look complete.
  expect((await weak.reply).code).toBe(0)
  expect((await download.reply).code).toBe(2)
  for (const subject of ['weak', 'download']) {
    const record = await node.waitForRecord((each) => each['subject'] === subject)
    expect(record).toMatchObject({ reason: 'stream-ended', stream_end: 'scope-missing' })
  }
  strongReply.end(' and goes on')
  expect((await strong.reply).body.toString()).toContain('goes on')
  expect((await client.get('/orders/1')).status).toBe(401)
})

test('a stopping node sends GOAWAY on an HTTP/2 connection, completes the request in progress, and exits', async () => {
  const client = new Http2Session(node.http2Port)
  const authorization = `Bearer ${tokenOf('last', 'orders:more')}`
  const { stream, reply } = client.send({ ':path': '/orders/last', authorization })
  await new Promise((resolve) => stream.once('data', resolve))
  const exit = node.stop()
  await until('GOAWAY', () => client.goaways.length > 0)
  replies.at(-1)!.end(' and done')

  expect((await reply).body.toString()).toBe('begun and done')
  expect(client.goaways[0]).toEqual({ code: 0, lastStream: 1 })
  expect(await exit).toBe(0)
})
