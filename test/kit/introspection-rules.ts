import type { IntrospectionRules, IssuerRules } from '../../gateway/oauth/token-facts.ts'
import { testAudience } from './issuer.ts'
import { rulesFor } from './issuer-rules.ts'

/**
 * Rules of an issuer of opaque tokens at `url`. The client secret is in the environment variable
 * TEST_INTROSPECTION_SECRET.
 */
export function introspectionRules(url: string, introspection: Partial<IntrospectionRules> = {}): IssuerRules {
  return {
    ...rulesFor(url),
    audience: new Set([testAudience]),
    tokens: 'opaque',
    introspection: {
      endpoint: `${url}/introspect`,
      clientId: 'gatehouse',
      auth: { method: 'client_secret_basic', secret: { env: 'TEST_INTROSPECTION_SECRET' } },
      response: 'json',
      cacheMs: 30_000,
      negativeCacheMs: 5000,
      staleMs: 60_000,
      keepStaleMs: 60_000,
      timeoutMs: 10_000,
      concurrency: 4,
      ratePerS: 100,
      ...introspection,
    },
  }
}
