// OpenID Connect Discovery §4, RFC 8414 §3: how the gate finds the metadata and the key URL of an issuer; attack case
// S-122.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { discoverKeySetUrl } from '../../../gateway/issuers/discovery.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { LoopbackIssuer } from './loopback-issuer.ts'

let server: LoopbackIssuer
const client = new IssuerClient()

const discover = (changes = {}) =>
  discoverKeySetUrl(client, rulesOf({ issuer: server.issuer, ...changes }), AbortSignal.timeout(5_000))

beforeEach(async () => {
  server = await LoopbackIssuer.start('/realms/a')
})
afterEach(() => server.close())

test('when the policy has a jwks_uri, the gate requests no issuer metadata', async () => {
  expect(await discover({ jwksUri: 'https://idp.example/keys' })).toBe('https://idp.example/keys')
  expect(server.requests).toEqual([])
})

test('the gate requests OpenID Connect metadata of an issuer first', async () => {
  expect(await discover()).toBe(server.metadata['jwks_uri'])
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('the gate does not double a trailing slash of the issuer identifier in the metadata URL, and compares identifiers including the slash', async () => {
  await expect(discover({ issuer: `${server.issuer}/` })).rejects.toThrow('another issuer')
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('the gate requests RFC 8414 metadata if an issuer has no OpenID Connect metadata', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  server.instead.set('/.well-known/oauth-authorization-server/realms/a', (_, response) =>
    response.end(JSON.stringify(server.metadata)),
  )
  expect(await discover()).toBe(server.metadata['jwks_uri'])
})

test('if an issuer has no metadata, the error of the gate names the issuer', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  await expect(discover()).rejects.toThrow(`no metadata found for issuer ${server.issuer}`)
})

test.each([
  { metadata: { issuer: 'https://other.example' }, wrong: 'another issuer' },
  { metadata: { issuer: undefined }, wrong: 'another issuer' },
  { metadata: { jwks_uri: undefined }, wrong: 'no jwks_uri' },
  { metadata: { jwks_uri: 7 }, wrong: 'no jwks_uri' },
])('S-122: the gate rejects issuer metadata with $metadata: $wrong', async ({ metadata, wrong }) => {
  Object.assign(server.metadata, metadata)
  await expect(discover()).rejects.toThrow(wrong)
})

test.each(['null', '[]', '"x"'])('the gate rejects the JSON value %s as issuer metadata', async (text) => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.end(text))
  await expect(discover()).rejects.toThrow('another issuer')
})

test('S-122: the gate does not follow a redirect in the reply to a request for issuer metadata', async () => {
  const elsewhere = await LoopbackIssuer.start()
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) =>
    response.writeHead(302, { location: `${elsewhere.issuer}/.well-known/openid-configuration` }).end(),
  )
  await expect(discover()).rejects.toThrow('status 302')
  expect(elsewhere.requests).toEqual([])
  await elsewhere.close()
})
