import { expect, test } from 'vitest'
import { startIntrospectionIssuer } from '../kit/introspection-issuer.ts'
import { startNode } from '../kit/node.ts'
import { opaqueGate } from '../kit/opaque-gate.ts'
import { request, requestBytes } from '../kit/raw-client.ts'
import { testRedis } from '../kit/redis.ts'
import { startUpstream } from '../kit/upstream.ts'

// Tokens that only their issuer reads may have dots. What a JWS is known by, all before its second dot, is the same of many of
// them: revoking one of these revoked all.

const [issuer, orders, redis] = await Promise.all([startIntrospectionIssuer(), startUpstream(), testRedis()])
const bootstrap = 'b00t.strap_token~of-the+tests/0123456789=='
const given = opaqueGate({
  issuer: issuer.url,
  orders: orders.url,
  redisPort: redis.port,
  settings: { admin: { listen: '127.0.0.1:0', bootstrap_token: { env: 'BOOTSTRAP' } } },
})
const node = await startNode({ ...given, env: { ...given.env, BOOTSTRAP: bootstrap } })

const ask = async (token: string) => (await request(node.port, requestBytes({ target: '/orders/1', token }))).status
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
  ['a JWE with a shared key', `${jose}..aXYx.dGV4dA.dGFn`, `${jose}..aXYy.dGV4dB.dGFo`],
  ['a PASETO', 'v4.local.one', 'v4.local.other'],
  ['a prefix of two parts', 'acme.live.one', 'acme.live.other'],
])('revoking one of two tokens that are %s keeps the other valid', async (_, one, other) => {
  // Each has its own `jti`: without one, two tokens of one client, subject and scope from the same second are one to the gate.
  for (const token of [one, other]) issuer.issue({ jti: token }, token)
  expect([await ask(one), await ask(other)]).toEqual([200, 200])

  expect((await revoke(one)).status).toBe(200)

  expect([await ask(one), await ask(other)]).toEqual([401, 200])
})
