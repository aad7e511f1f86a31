import { expect, test } from 'vitest'
import { Http2Session, type SessionReply } from '../kit/http2-session.ts'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { startUpstream } from '../kit/upstream.ts'

// gRPC calls over HTTP/2 are decided like other requests, and refused in the form of gRPC: HTTP status 200 and one head
// with grpc-status, which ends the stream.

const [issuer, upstream] = await Promise.all([startIssuer(), startUpstream()])
const node = await startNode({
  policy: testPolicy({
    issuer: issuer.url,
    orders: upstream.url,
    ordersEntry: {
      routes: [
        {
          id: 'rpc',
          match: { path: '/demo.Orders/*', methods: ['POST'] },
          require: { scopes: { all: ['orders:read'] } },
        },
        {
          id: 'limited',
          match: { path: '/demo.Limited/*', methods: ['POST'] },
          require: 'public',
          limits: [{ name: 'calls', by: 'address', requests: 1, window: '1h' }],
        },
      ],
    },
  }),
  settings: { listen_h2: { address: '127.0.0.1:0', tls: false }, check: { peers: ['127.0.0.1'] } },
})
const client = new Http2Session(node.http2Port)

function call(path: string, fields: Readonly<Record<string, string>> = {}): Promise<SessionReply> {
  const head = { 'content-type': 'application/grpc+proto', te: 'trailers', ...fields }
  return client.post(path, Buffer.alloc(7), head)
}

const bearer = (scope: string) => ({ authorization: `Bearer ${issuer.sign({ claims: { scope } })}` })

test.each([
  ['without a token', {}, '/demo.Orders/Get', 16, 401, 'credential-missing'],
  ['with an invalid token', { authorization: 'Bearer x' }, '/demo.Orders/Get', 16, 401, 'token-malformed'],
  ['without the scope', bearer('other'), '/demo.Orders/Get', 7, 403, 'scope-missing'],
  ['of an unknown method', bearer('orders:read'), '/demo.Unknown/Get', 12, 404, 'route-unknown'],
  ['to a service with HTTP/1.1', bearer('orders:read'), '/demo.Orders/Get', 12, 501, 'grpc-upstream'],
] as const)(
  'a gRPC call %s gets the gRPC status of its refusal in a reply of header fields only, and the log has the HTTP status',
  async (_, fields, path, code, status, reason) => {
    const before = upstream.requests.length
    const reply = await call(path, fields)

    expect([reply.status, reply.field('content-type'), reply.body.length]).toEqual([200, 'application/grpc', 0])
    expect(reply.field('grpc-status')).toBe(String(code))
    expect(reply.field('grpc-message')).toMatch(/^[A-Z].* \([a-z_]+\)$/)
    expect(reply.trailers).toEqual([])
    expect(reply.field('www-authenticate')?.startsWith('Bearer ')).toBe(
      status === 401 || status === 403 ? true : undefined,
    )
    const id = reply.field('x-request-id')
    expect(await node.waitForRecord((record) => record['id'] === id)).toMatchObject({ status, reason })
    expect(upstream.requests.length).toBe(before)
  },
)

test('a gRPC call above a rate limit gets RESOURCE_EXHAUSTED with the time to wait before the next call', async () => {
  await call('/demo.Limited/Get')
  const reply = await call('/demo.Limited/Get')
  const seconds = Number(reply.field('retry-after'))

  expect(reply.field('grpc-status')).toBe('8')
  expect(seconds).toBeGreaterThan(0)
  expect(Number(reply.field('grpc-retry-pushback-ms'))).toBe(seconds * 1000)
})

test('the gate never replies with HTTP status 200 to a forward-auth check with the content type of gRPC', async () => {
  const reply = await client.get('/.gatehouse/check', {
    'content-type': 'application/grpc',
    'x-original-method': 'POST',
    'x-original-uri': '/demo.Orders/Get',
  })

  expect([reply.status, reply.field('grpc-status')]).toEqual([415, undefined])
})
