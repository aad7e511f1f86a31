import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { introspectors, secretOf, startProvider, type TestProvider } from '../kit/provider.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { admitted, badToken, type Gate, identity, refused } from './admission.ts'

// Introspection at oidc-provider, a widely used issuer: opaque tokens of real grants, discovery of the endpoint,
// plain and signed responses.

let provider: TestProvider
let orders: TestUpstream

beforeAll(async () => {
  provider = await startProvider()
  orders = await startUpstream()
})

async function gateWith(more: object, clientId: string): Promise<Gate> {
  const introspection = { client_id: clientId, client_secret: { env: 'SECRET' }, cache: '1s', negative_cache: '100ms' }
  const policy = {
    version: 1,
    issuers: {
      main: {
        issuer: provider.url,
        audience: [testAudience],
        introspection: { ...introspection, ...more },
        tokens: 'any',
      },
    },
    services: {
      orders: {
        upstreams: [orders.url],
        routes: [{ id: 'read', match: { path: '/orders/**' }, require: { scopes: { all: ['orders:read'] } } }],
      },
    },
  }
  return { node: await startNode({ policy, env: { SECRET: secretOf(clientId) } }), services: [orders] }
}

test.each([
  ['plain', {}, introspectors.json],
  ['signed', { response: 'jwt' }, introspectors.jwt],
])('with %s introspection responses, the gate admits an opaque token until its revocation', async (_, more, client) => {
  const gate = await gateWith(more, client)
  const token = await provider.opaqueToken('reader')
  expect(token).not.toContain('.')
  const { received } = await admitted(gate, { target: '/orders/1', token })
  expect(await identity(gate, received)).toMatchObject({
    sub: 'reader',
    client_id: 'reader',
    scope: 'orders:read reports:read',
    token_issuer: provider.url,
  })

  await provider.revoke('reader', token)
  await sleep(1100)
  await refused(gate, { target: '/orders/1', token }, badToken('token-inactive'))

  const asked = provider.introspections.count
  await admitted(gate, { target: '/orders/1', token: await provider.token('reader') })
  expect(provider.introspections.count).toBe(asked)
})
