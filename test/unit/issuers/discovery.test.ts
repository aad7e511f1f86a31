// OpenID Connect Discovery §4, RFC 8414 §3: how the keys of an issuer are found; S-122.

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

test('with jwks_uri in the policy, no metadata is requested', async () => {
  expect(await discover({ jwksUri: 'https://idp.example/keys' })).toBe('https://idp.example/keys')
  expect(server.requests).toEqual([])
})

test('OpenID Connect metadata is requested first', async () => {
  expect(await discover()).toBe(server.metadata['jwks_uri'])
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('a trailing slash of the issuer is not doubled in the URL and is significant in the comparison', async () => {
  await expect(discover({ issuer: `${server.issuer}/` })).rejects.toThrow('another issuer')
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('RFC 8414 metadata is requested if there is no OpenID Connect metadata', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  server.instead.set('/.well-known/oauth-authorization-server/realms/a', (_, response) =>
    response.end(JSON.stringify(server.metadata)),
  )
  expect(await discover()).toBe(server.metadata['jwks_uri'])
})

test('an issuer without metadata causes an error that names the issuer', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  await expect(discover()).rejects.toThrow(`no metadata found for issuer ${server.issuer}`)
})

test.each([
  { metadata: { issuer: 'https://other.example' }, wrong: 'another issuer' },
  { metadata: { issuer: undefined }, wrong: 'another issuer' },
  { metadata: { jwks_uri: undefined }, wrong: 'no jwks_uri' },
  { metadata: { jwks_uri: 7 }, wrong: 'no jwks_uri' },
])('S-122: metadata with $metadata is rejected: $wrong', async ({ metadata, wrong }) => {
  Object.assign(server.metadata, metadata)
  await expect(discover()).rejects.toThrow(wrong)
})

test.each(['null', '[]', '"x"'])('metadata that is %s is rejected', async (text) => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.end(text))
  await expect(discover()).rejects.toThrow('another issuer')
})

test('S-122: a redirect is not followed', async () => {
  const elsewhere = await LoopbackIssuer.start()
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) =>
    response.writeHead(302, { location: `${elsewhere.issuer}/.well-known/openid-configuration` }).end(),
  )
  await expect(discover()).rejects.toThrow('status 302')
  expect(elsewhere.requests).toEqual([])
  await elsewhere.close()
})
