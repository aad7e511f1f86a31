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

test('the policy can say where the keys are; nothing is asked then', async () => {
  expect(await discover({ jwksUri: 'https://idp.example/keys' })).toBe('https://idp.example/keys')
  expect(server.requests).toEqual([])
})

test('OpenID Connect metadata is asked for first', async () => {
  expect(await discover()).toBe(server.metadata['jwks_uri'])
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('a final slash of the issuer is not doubled, and counts in the comparison', async () => {
  await expect(discover({ issuer: `${server.issuer}/` })).rejects.toThrow('another issuer')
  expect(server.requests).toEqual(['/realms/a/.well-known/openid-configuration'])
})

test('RFC 8414 metadata is asked for where there is no other', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  server.instead.set('/.well-known/oauth-authorization-server/realms/a', (_, response) =>
    response.end(JSON.stringify(server.metadata)),
  )
  expect(await discover()).toBe(server.metadata['jwks_uri'])
})

test('an issuer without metadata is an error that says so', async () => {
  server.instead.set('/realms/a/.well-known/openid-configuration', (_, response) => response.writeHead(404).end())
  await expect(discover()).rejects.toThrow(`no metadata found for issuer ${server.issuer}`)
})

test.each([
  { metadata: { issuer: 'https://other.example' }, wrong: 'another issuer' },
  { metadata: { issuer: undefined }, wrong: 'another issuer' },
  { metadata: { jwks_uri: undefined }, wrong: 'no jwks_uri' },
  { metadata: { jwks_uri: 7 }, wrong: 'no jwks_uri' },
])('S-122: metadata with $metadata is refused: $wrong', async ({ metadata, wrong }) => {
  Object.assign(server.metadata, metadata)
  await expect(discover()).rejects.toThrow(wrong)
})

test.each(['null', '[]', '"x"'])('metadata that is %s is refused', async (text) => {
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
