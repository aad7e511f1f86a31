// RFC 9449 with parts that other projects made: oauth4webapi and openid-client as clients, oidc-provider as issuer. The
// node asks for nonces, which the clients must handle.

import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { beforeAll, expect, test } from 'vitest'
import { testAudience } from '../kit/issuer.ts'
import { startNode } from '../kit/node.ts'
import { introspectors, secretOf, startProvider, type TestProvider } from '../kit/provider.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'

let provider: TestProvider
let orders: TestUpstream
let node: TestNode
let url: URL

beforeAll(async () => {
  provider = await startProvider()
  orders = await startUpstream()
  const introspection = { client_id: introspectors.json, client_secret: { env: 'SECRET' } }
  node = await startNode({
    policy: {
      version: 1,
      issuers: { main: { issuer: provider.url, audience: [testAudience], introspection, tokens: 'any' } },
      services: {
        orders: {
          upstreams: [orders.url],
          routes: [
            {
              id: 'r',
              match: { path: '/orders/**' },
              require: { all: [{ dpop: true }, { scopes: { all: ['orders:read'] } }] },
            },
          ],
        },
      },
    },
    settings: { dpop: { nonce: 'required' } },
    env: { SECRET: secretOf(introspectors.json) },
  })
  url = new URL(`http://127.0.0.1:${node.port}/orders/1?page=2`)
})

const resources = [
  ['JWT', testAudience],
  ['opaque', `${testAudience}/opaque`],
] as const

test.each(resources)(
  'oauth4webapi gets a DPoP-bound token (%s) from oidc-provider, and the gate admits each of its requests',
  async (_, resource) => {
    const server = { issuer: provider.url, token_endpoint: `${provider.url}/token` }
    const client: oauth.Client = { client_id: 'reader' }
    const keys = await oauth.generateKeyPair('ES256')
    const DPoP = oauth.DPoP(client, keys)
    const options = { DPoP, [oauth.allowInsecureRequests]: true }
    const secret = oauth.ClientSecretBasic(secretOf('reader'))
    const reply = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      secret,
      { resource, scope: 'orders:read' },
      options,
    )
    const { access_token: token, token_type: type } = await oauth.processClientCredentialsResponse(
      server,
      client,
      reply,
    )
    expect(type).toBe('dpop')

    const call = () => oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, options)
    const first = await call().catch((error: unknown) => error)
    expect(oauth.isDPoPNonceError(first)).toBe(true)
    for (let i = 0; i < 3; i++) expect((await call()).status).toBe(200)
    expect(orders.requests.at(-1)!.all('authorization')).toEqual([])

    const stolen = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    expect([stolen.status, stolen.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/^DPoP error="invalid_token"/),
    ])
  },
)

test.each(resources)(
  'openid-client gets a DPoP-bound token (%s) from oidc-provider, and the gate admits its requests',
  async (_, resource) => {
    const config = await openid.discovery(
      new URL(provider.url),
      'reader',
      secretOf('reader'),
      openid.ClientSecretBasic(secretOf('reader')),
      {
        execute: [openid.allowInsecureRequests],
      },
    )
    const DPoP = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'))
    const { access_token: token } = await openid.clientCredentialsGrant(
      config,
      { resource, scope: 'orders:read' },
      { DPoP },
    )

    for (let i = 0; i < 3; i++) {
      const reply = await openid.fetchProtectedResource(config, token, url, 'GET', undefined, undefined, { DPoP })
      expect(reply.status).toBe(200)
    }
  },
)
