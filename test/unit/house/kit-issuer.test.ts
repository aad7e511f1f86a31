import { compactVerify, createRemoteJWKSet, errors, type JWTVerifyOptions, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { startIssuer, type TestIssuer, testAudience } from '../../kit/issuer.ts'
import { startProvider } from '../../kit/provider.ts'
import { connect, requestBytes } from '../../kit/raw-client.ts'
import { type Algorithm, compactJws, sharedSecret, signingKey, unsigned } from '../../kit/signing-key.ts'

// The fake issuer of the tests works as its options say, also with simulated faults.

const verify = (issuer: TestIssuer, token: string, options: JWTVerifyOptions = {}) =>
  jwtVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)), {
    issuer: issuer.url,
    audience: testAudience,
    typ: 'at+jwt',
    ...options,
  })

test.each(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] satisfies Algorithm[])(
  'jose verifies the %s tokens of the fake issuer',
  async (alg) => {
    const issuer = await startIssuer({ algorithms: [alg] })

    const { payload, protectedHeader } = await verify(issuer, issuer.sign({ claims: { scope: 'a b', sub: undefined } }))

    expect(protectedHeader).toEqual({ alg, typ: 'at+jwt', kid: issuer.keys[0]!.kid })
    expect(payload).toMatchObject({ iss: issuer.url, aud: testAudience, client_id: 'reader', scope: 'a b' })
    expect(payload).not.toHaveProperty('sub')
  },
)

test('the fake issuer publishes no private part of a key', async () => {
  const issuer = await startIssuer({ algorithms: ['ES256', 'RS256', 'EdDSA'] })

  const { keys } = (await (await fetch(issuer.jwksUri)).json()) as { keys: object[] }

  expect(keys).toHaveLength(3)
  for (const key of keys) expect(Object.keys(key)).not.toContain('d')
})

test.each(['', '/tenant'])(
  'the fake issuer publishes its metadata at both well-known URLs for the path "%s"',
  async (path) => {
    const issuer = await startIssuer({ path })
    const { origin } = new URL(issuer.url)

    for (const url of [
      `${issuer.url}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
    ]) {
      expect(await (await fetch(url)).json()).toMatchObject({ issuer: issuer.url, jwks_uri: issuer.jwksUri })
    }
    expect(issuer.fetches).toEqual({ discovery: 2, keys: 0 })
  },
)

test('after a key rotation of the fake issuer both keys verify tokens, and a key that was removed verifies none', async () => {
  const issuer = await startIssuer()
  const [old] = issuer.keys
  const before = issuer.sign()

  const rotated = issuer.rotate('RS256')
  const after = issuer.sign()

  expect((await verify(issuer, after)).protectedHeader.kid).toBe(rotated.kid)
  await expect(verify(issuer, before)).resolves.toBeDefined()

  issuer.drop(old!)

  await expect(verify(issuer, before)).rejects.toThrow(errors.JWKSNoMatchingKey)
  await expect(verify(issuer, after)).resolves.toBeDefined()
  expect(issuer.fetches.keys).toBe(4)
})

test('the fake issuer can sign with an unpublished key', async () => {
  const issuer = await startIssuer()
  const foreign = signingKey('ES256', issuer.keys[0]!.kid)

  await expect(verify(issuer, issuer.sign({ key: foreign }))).rejects.toThrow(errors.JWSSignatureVerificationFailed)
})

test('the fake issuer can sign raw text that a library would reject', async () => {
  const issuer = await startIssuer()
  const claims = '{"sub":"alice","sub":"mallory"}'

  const token = issuer.sign({ raw: { claims } })
  const { payload } = await compactVerify(token, createRemoteJWKSet(new URL(issuer.jwksUri)))

  expect(Buffer.from(payload).toString()).toBe(claims)
})

test('the fake issuer can sign with a shared secret, or leave a token unsigned', async () => {
  const secret = 'a secret that is long enough for HS256'
  const claims = { sub: 'alice' }

  const { payload } = await jwtVerify(compactJws({ alg: 'HS256' }, claims, sharedSecret(secret)), Buffer.from(secret))

  expect(payload).toEqual(claims)
  expect(compactJws({ alg: 'none' }, claims, unsigned)).toMatch(/^[\w-]+\.[\w-]+\.$/)
})

test('a test can replace a reply of the fake issuer and restore the normal reply', async () => {
  const issuer = await startIssuer()

  issuer.answer('keys', { status: 500, headers: { 'content-type': 'text/html' }, body: '<p>' })
  const broken = await fetch(issuer.jwksUri)
  issuer.answer('keys')

  expect([broken.status, broken.headers.get('content-type'), await broken.text()]).toEqual([500, 'text/html', '<p>'])
  expect((await fetch(issuer.jwksUri)).status).toBe(200)
})

test('the fake issuer can leave a connection open without a reply', async () => {
  const issuer = await startIssuer()

  issuer.answer('keys', { silent: true })
  const wire = await connect(issuer.port)
  await wire.send(requestBytes({ target: '/keys' }))

  await expect.poll(() => issuer.fetches.keys).toBe(1)
  expect(await wire.quiet(100)).toBe(true)
})

test('a restarted fake issuer has the same URL and keys', async () => {
  const issuer = await startIssuer()
  const { url } = issuer
  const token = issuer.sign()

  await issuer.stop()
  await expect(fetch(issuer.jwksUri)).rejects.toThrow()
  await issuer.start()

  expect(issuer.url).toBe(url)
  await expect(verify(issuer, token)).resolves.toBeDefined()
})

test('oidc-provider grants RFC 9068 access tokens with ES256 and RS256', async () => {
  const provider = await startProvider()
  const keys = createRemoteJWKSet(new URL(`${provider.url}/jwks`))
  const expected = { issuer: provider.url, audience: testAudience, typ: 'at+jwt' }

  const reader = await jwtVerify(await provider.token('reader'), keys, expected)
  const writer = await jwtVerify(await provider.token('writer', 'orders:write'), keys, expected)

  expect(reader.protectedHeader.alg).toBe('ES256')
  expect(reader.payload).toMatchObject({ client_id: 'reader', scope: 'orders:read reports:read' })
  expect(writer.protectedHeader.alg).toBe('RS256')
  expect(writer.payload).toMatchObject({ client_id: 'writer', scope: 'orders:write' })
})

test('oidc-provider refuses a scope that the client is not allowed to request', async () => {
  const provider = await startProvider()

  await expect(provider.token('reader', 'orders:write')).rejects.toThrow('invalid_scope')
})
