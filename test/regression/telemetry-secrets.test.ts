import { expect, test } from 'vitest'
import { startIssuer } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { startOtlpReceiver } from '../kit/otlp-receiver.ts'
import { testPolicy } from '../kit/policy.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { startUpstream } from '../kit/upstream.ts'

// S-143 (CWE-532, RFC 9700 §4.2): no credential, query or cookie appears in exported telemetry. S-145: texts of clients
// are truncated in exported telemetry.

const [receiver, issuer, orders] = await Promise.all([startOtlpReceiver(), startIssuer(), startUpstream()])

test('S-143, S-145: the OTLP exports of a node contain no secret, and no span attribute longer than 1,024 characters', async () => {
  const node = await startNode({
    policy: testPolicy({ issuer: issuer.url, orders: orders.url }),
    settings: {
      log: { level: 'debug' },
      telemetry: {
        traces: { endpoint: receiver.url, sample: 1 },
        metrics: { endpoint: receiver.url },
        logs: { endpoint: receiver.url },
      },
    },
  })
  const token = issuer.sign()
  const secrets = ['q-secret', 'c-secret', 'r-secret', 'b-secret', 'd-secret', 's-secret', 'opaque-secret-token']
  const fields = [
    ['Cookie', 'session=c-secret'],
    ['Referer', 'https://app.example/callback?code=r-secret'],
    ['baggage', 'key=b-secret'],
    ['DPoP', 'd-secret'],
    ['tracestate', 'vendor=s-secret'],
  ] as const
  const long = `/orders/${'x'.repeat(6000)}`
  for (const credential of [token, `${token.slice(0, -6)}AAAAAA`, 'opaque-secret-token']) {
    await request(node.port, requestBytes({ target: '/orders/1?token=q-secret', fields, token: credential }))
    await request(node.port, requestBytes({ target: `/nowhere?access_token=${credential}`, fields }))
  }
  await request(node.port, requestBytes({ target: long, host: `${'h'.repeat(60)}.${'h'.repeat(60)}.test`, token }))
  await node.stop()

  expect(new Set(receiver.requests.map(({ signal }) => signal))).toEqual(new Set(['traces', 'metrics', 'logs']))
  const text = JSON.stringify([receiver.spans, receiver.metrics, receiver.logs], (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  expect(text).toContain('/orders/1')
  for (const secret of [...secrets, ...token.split('.')]) expect(text).not.toContain(secret)
  const longest = Math.max(
    ...receiver.spans.flatMap(({ attributes }) => Object.values(attributes).map((value) => String(value).length)),
  )
  expect(longest).toBe(1024)
})
