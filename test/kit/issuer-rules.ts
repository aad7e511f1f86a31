import type { IssuerRules } from '../../gateway/oauth/token-facts.ts'

/** The rules by which an order is read; what tokens must be is the nodes' matter. */
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
