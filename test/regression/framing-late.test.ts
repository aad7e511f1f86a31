import { expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { testPolicy } from '../kit/policy.ts'
import { request } from '../kit/raw-client.ts'
import { swap } from '../kit/swap.ts'
import { until } from '../kit/until.ts'
import { startUpstream } from '../kit/upstream.ts'

// A rejected request must not reach a service later (docs/design/attack-cases.md, "Framing and smuggling").

test('S-010 the gate rejects a body that exceeds its limit during token verification with 413 and does not forward it', async () => {
  const [issuer, slow, orders] = await Promise.all([startIssuer(), startIssuer(), startUpstream()])
  const upload = {
    id: 'upload',
    match: { path: '/upload' },
    require: { scopes: { all: ['w'] } },
    body: { max: '1KiB' },
  }
  const policyOf = ({ url }: TestIssuer) =>
    testPolicy({ issuer: url, orders: orders.url, ordersEntry: { routes: [upload] } })
  const node = await startNode({ policy: policyOf(issuer) })
  // The issuer delays its keys, so that the token verification ends only after the rejection.
  const released = Promise.withResolvers<void>()
  slow.answer('keys', { held: released.promise })
  await swap(node, policyOf(slow))
  const token = slow.sign({ claims: { scope: 'w' } })
  const head = `POST /upload HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer ${token}\r\n`
  const large = `Transfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(0x800)}\r\n0\r\n\r\n`

  const refused = await request(node.port, head + large)
  released.resolve()
  // On a busy machine the fetch of the issuer keys may have timed out. The gate then repeats the fetch.
  await until('the next request is admitted', async () => {
    return (await request(node.port, `${head}Content-Length: 2\r\n\r\nok`)).status === 200
  })
  await node.waitForRecord(({ reason }) => reason === 'admitted')

  expect(refused.json()).toMatchObject({ status: 413, code: 'body_too_large' })
  const reasons = node.accessLog().map(({ reason }) => reason)
  expect(reasons.filter((reason) => reason !== 'issuer-unreachable')).toEqual(['body-too-large', 'admitted'])
  expect(orders.requests).toMatchObject([{ url: '/upload', bodyBytes: 2 }])
  // The gate has opened no second upstream connection that waits for the rest of the rejected body.
  expect(orders.connections).toBe(1)
})
