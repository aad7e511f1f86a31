import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// SECURITY.md, group A: what was refused reaches no service later.

test('S-010 a body that grows too large while its token is still being verified is refused for good', async () => {
  const [issuer, orders] = await Promise.all([startIssuer(), startUpstream()])
  // Less than the gate waits for an issuer: the verification succeeds, long after the refusal.
  issuer.answer('keys', { delayMs: 2000 })
  const upload = {
    id: 'upload',
    match: { path: '/upload' },
    require: { scopes: { all: ['w'] } },
    body: { max: '1KiB' },
  }
  const policy = testPolicy({ issuer: issuer.url, orders: orders.url, ordersEntry: { routes: [upload] } })
  const node = await startNode({ policy })
  const token = issuer.sign({ claims: { scope: 'w' } })
  const head = `POST /upload HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer ${token}\r\n`
  const large = `Transfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(0x800)}\r\n0\r\n\r\n`

  const refused = await request(node.port, head + large)
  const admitted = await request(node.port, `${head}Content-Length: 2\r\n\r\nok`)
  await node.waitForRecord(({ reason }) => reason === 'admitted')

  expect(refused.json()).toMatchObject({ status: 413, code: 'body_too_large' })
  expect(admitted.status).toBe(200)
  expect(node.accessLog().map(({ reason }) => reason)).toEqual(['body-too-large', 'admitted'])
  expect(orders.requests).toMatchObject([{ url: '/upload', bodyBytes: 2 }])
  // Nor does a call wait there for a body that nobody sends any more.
  expect(orders.connections).toBe(1)
})
