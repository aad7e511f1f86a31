import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'

/**
 * Rules of an issuer that suffice to read a revocation order. Audiences and algorithms are empty: only the nodes
 * validate tokens.
 */
export function rulesFor(issuer: string, name = 'main'): IssuerRules {
  return {
    name,
    issuer,
    audience: new Set(),
    algorithms: new Set(),
    profile: 'at+jwt',
    clockToleranceS: 5,
    maxTokenLifetimeS: 86_400,
    scopeClaim: 'scope',
    scopeArray: false,
    clientClaim: undefined,
    jwksUri: undefined,
    keysStaleMs: 0,
    tokens: 'jwt',
    introspection: undefined,
    login: undefined,
    recheckMs: undefined,
  }
}
