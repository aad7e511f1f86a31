import { expect, test } from 'vitest'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// An opaque token can contain dots. A JWS is identified by the text before its second dot, but many opaque tokens share
// this prefix. Before the fix, the revocation of one such token revoked all of them.

const [issuer, orders, redis] = await Promise.all([startIntrospectionIssuer(), startUpstream(), testRedis()])
const bootstrap = 'b00t.strap_token~of-the+tests/0123456789=='
const base = opaqueGate({
  issuer: issuer.url,
  orders: orders.url,
  redisPort: redis.port,
  settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
})
const node = await startNode({ ...base, env: { ...base.env, BOOTSTRAP: bootstrap } })

const statusOf = async (token: string) =>
  (await request(node.port, requestBytes({ target: '/orders/1', token }))).status
const revoke = (token: string) =>
  request(
    node.adminPort,
    requestBytes({
      method: 'POST',
      target: '/api/v1/revocations?wait=all',
      host: 'localhost',
      token: bootstrap,
      fields: [['Content-Type', 'application/json']],
      body: JSON.stringify({ kind: 'token', token }),
    }),
  )
const jose = Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString('base64url')

test.each([
  ['JWEs with a shared key', `${jose}..aXYx.dGV4dA.dGFn`, `${jose}..aXYy.dGV4dB.dGFo`],
  ['PASETOs', 'v4.local.one', 'v4.local.other'],
  ['texts with a two-part prefix', 'acme.live.one', 'acme.live.other'],
])('revoking one of two opaque tokens that are %s leaves the other valid', async (_, one, other) => {
  // Each token has its own `jti`. Without a `jti`, the gate identifies two tokens with the same client, subject, scope
  // and issue time in seconds as one token.
  for (const token of [one, other]) issuer.issue({ jti: token }, token)
  expect([await statusOf(one), await statusOf(other)]).toEqual([200, 200])

  expect((await revoke(one)).status).toBe(200)

  expect([await statusOf(one), await statusOf(other)]).toEqual([401, 200])
})
