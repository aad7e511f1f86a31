// RFC 9068 access tokens of a real authorization server (oidc-provider). The gate finds its keys by discovery.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { TokenVerifier } from '../../../gateway/tokens/verifier.ts'
import { testAudience } from '../../kit/issuer.ts'
import { startProvider, type TestProvider } from '../../kit/provider.ts'
import { logged } from '../issuers/loopback-issuer.ts'
import { rulesOf } from '../oauth/token-text.ts'

let provider: TestProvider
const keys = new IssuerKeys({ log: logged().log })
const verifier = new TokenVerifier({ keys, cacheEntries: 4, tokenMaxBytes: 8192 })

beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => keys.close())

test.each([
  { client: 'reader', alg: 'ES256' },
  { client: 'writer', alg: 'RS256' },
])('the gate accepts an $alg token of a real authorization server and reads its client id', async ({ client }) => {
  const rules = rulesOf({ issuer: provider.url, audience: new Set([testAudience]) })
  const issuers = new Map([[rules.issuer, rules]])
  const token = await provider.token(client, 'orders:read')
  const facts = await verifier.verify(token, issuers, Date.now())
  expect(facts).toMatchObject({ issuer: rules, subject: client, client, audience: [testAudience] })
  expect(typeof facts === 'object' && [...facts.scopes]).toEqual(['orders:read'])
  expect(verifier.verify(token, issuers, Date.now())).toBe(facts)
})

test('the gate rejects a token of a real authorization server if the token is for another audience', async () => {
  const rules = rulesOf({ issuer: provider.url, audience: new Set(['https://other.example']) })
  const token = await provider.token('reader')
  expect(verifier.verify(token, new Map([[rules.issuer, rules]]), Date.now())).toBe('token-audience')
})
