// The demo issuer issues tokens with the documented claims by real grants, and refuses other requests.

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Child, startChild } from '../../../deploy/child.ts'
import { refreshTokens, requestTokens, type TokenRequest } from '../../../deploy/demo/grants.ts'
import { readJwt } from '../../../deploy/demo/jwt.ts'
import { loopback, portsAt } from '../../../deploy/demo/ports.ts'
import { until } from '../../kit/until.ts'

// Ports below the ephemeral ports of the kernel, and different from the ports of other tests.
const ports = portsAt(22_950 + (process.pid % 90) * 10)
const issuer = loopback(ports.issuer)
const gate = loopback(ports.gate)
let child: Child

beforeAll(async () => {
  await expect(requestTokens(ports, {})).rejects.toThrow('the demo is not running')
  child = await startChild({
    name: 'issuer',
    command: process.execPath,
    arguments: [join(import.meta.dirname, '../../../deploy/demo/issuer.ts'), `${ports.offset}`],
    log: join(mkdtempSync(join(tmpdir(), 'issuer-')), 'issuer.log'),
  })
  await until('the issuer answers', () =>
    fetch(issuer).then(
      () => true,
      () => false,
    ),
  )
})

afterAll(() => child.stop())

const manager = { realm_access: { roles: ['order-manager'] } }

test.each([
  { request: {}, claims: { sub: 'reader', scope: 'orders:read reports:read files:transfer stream:read' } },
  { request: { client: 'writer' }, claims: { sub: 'writer', scope: 'orders:read orders:write', ...manager } },
  { request: { client: 'clerk', scope: 'orders:write' }, claims: { sub: 'clerk', scope: 'orders:write' } },
  { request: { user: 'alice', scope: 'orders:read' }, claims: { sub: 'alice', client_id: 'web', ...manager } },
  { request: { user: 'bob' }, claims: { sub: 'bob', client_id: 'web' } },
  { request: { resource: 'https://other-api.example' }, claims: { aud: 'https://other-api.example' } },
] as { request: TokenRequest; claims: object }[])(
  'the demo issuer issues a token with the claims $claims for the token request $request',
  async ({ request, claims }) => {
    const { accessToken } = await requestTokens(ports, request)
    const jwt = readJwt(accessToken)

    expect(jwt.header).toMatchObject({ typ: 'at+jwt', alg: request.user === undefined ? 'ES256' : 'RS256' })
    expect(jwt.claims).toMatchObject({ iss: issuer, aud: gate, ...claims })
    expect(Number(jwt.claims.exp) - Number(jwt.claims.iat)).toBe(600)
    if (!('realm_access' in claims)) expect(jwt.claims).not.toHaveProperty('realm_access')
  },
)

test.each([
  { request: { client: 'nobody' }, says: 'invalid_client' },
  { request: { scope: 'orders:write' }, says: 'invalid_scope' },
  { request: { scope: 'orders:raed' }, says: 'invalid_scope: the issuer did not grant orders:raed' },
  { request: { resource: 'https://nowhere.example' }, says: 'invalid_target' },
  { request: { user: 'mallory' }, says: 'There is no user "mallory"' },
  { request: { client: 'reader', user: 'alice' }, says: 'redirect_uri' },
] as { request: TokenRequest; says: string }[])(
  'the demo issuer refuses the token request $request: $says',
  async ({ request, says }) => {
    await expect(requestTokens(ports, request)).rejects.toThrow(says)
  },
)

test('the introspection endpoint of the demo issuer reports the audience of an active opaque token', async () => {
  const { accessToken } = await requestTokens(ports, { client: 'writer', opaque: true })
  const response = await fetch(`${issuer}/token/introspection`, {
    method: 'POST',
    body: new URLSearchParams({ token: accessToken }),
    headers: { Authorization: `Basic ${btoa('writer:writer-secret')}` },
  })

  expect(accessToken).not.toContain('.')
  expect(await response.json()).toMatchObject({ active: true, aud: gate, client_id: 'writer', ...manager })
})

test('a refresh token that is used twice at the demo issuer invalidates its successor', async () => {
  const { refreshToken = '' } = await requestTokens(ports, { user: 'alice' })
  const next = await refreshTokens(ports, 'web', refreshToken)

  await expect(refreshTokens(ports, 'web', refreshToken)).rejects.toThrow('invalid_grant')
  await expect(refreshTokens(ports, 'web', next.refreshToken ?? '')).rejects.toThrow('invalid_grant')
})

test('after a key rotation of the demo issuer, new tokens have another key, the old key stays published, and earlier refresh tokens still work', async () => {
  const { refreshToken = '', accessToken } = await requestTokens(ports, { user: 'bob' })
  const rotated = await fetch(`${issuer}/demo/rotate-keys`, { method: 'POST' })
  const next = await refreshTokens(ports, 'web', refreshToken)
  const { keys } = (await (await fetch(`${issuer}/jwks`)).json()) as { keys: { kid: string; d?: string }[] }

  expect(rotated.status).toBe(204)
  const kids = [accessToken, next.accessToken].map((token) => readJwt(token).header.kid)
  expect(kids[0]).not.toBe(kids[1])
  expect(keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining(kids))
  expect(keys.every(({ d }) => d === undefined)).toBe(true)
})

test('the demo issuer refuses a key rotation that a web page requests', async () => {
  const headers = { Origin: 'https://evil.example' }
  const rotated = await fetch(`${issuer}/demo/rotate-keys`, { method: 'POST', headers })

  expect(rotated.status).toBe(403)
})
