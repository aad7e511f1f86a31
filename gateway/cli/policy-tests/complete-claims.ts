import type { JsonObject } from '../../oauth/json.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Exchange } from '../../pipeline/exchange/exchange.ts'
import type { StatedCredential } from '../stated-credential.ts'

/** Maximum lifetime of the token of a policy test that has no claim `exp`, s. */
const LIFETIME_S = 300

/**
 * Complete claims of a policy test; or, when not exactly one issuer is possible, the identifiers of the possible
 * issuers, from which the test must choose.
 */
type Completion = { readonly complete: JsonObject } | { readonly candidates: readonly string[] }

/**
 * Adds to the claims of a policy test the claims that every token needs: issuer, audience, subject and times. Never
 * replaces a claim of the test, and never adds a claim that could grant access, such as a scope.
 *
 * @param x  exchange of the same request without a credential, which shows the route
 */
export function completeClaims({ kind, claims }: StatedCredential, x: Exchange): Completion {
  const { issuers } = x.gate.runtime.snapshot
  const stated = claims['iss']
  const candidates = stated === undefined ? issuersFor(kind, x) : []
  const [only, ...others] = candidates
  if (stated === undefined && (only === undefined || others.length > 0)) {
    return { candidates: candidates.map(({ issuer }) => issuer) }
  }
  const rules = only ?? (typeof stated === 'string' ? issuers.get(stated) : undefined)
  const nowS = Math.floor(x.nowMs / 1000)
  const lifetimeS = Math.min(LIFETIME_S, rules?.maxTokenLifetimeS ?? LIFETIME_S)
  const [audience] = rules?.audience ?? []
  const added = { aud: audience, sub: 'test', iat: nowS, exp: nowS + lifetimeS, ...(rules && { iss: rules.issuer }) }
  return { complete: { ...added, ...claims } }
}

/**
 * Returns the issuers whose tokens or sessions the route of a policy test accepts. Without a route, or on a public
 * route: all issuers.
 */
function issuersFor(kind: StatedCredential['kind'], { route, gate }: Exchange): readonly IssuerRules[] {
  const { issuers, loginIssuers } = gate.runtime.snapshot
  if (kind === 'token') return [...(route === undefined ? issuers.values() : route.service.issuers)]
  return route === undefined || route.logins.length === 0 ? loginIssuers : route.logins
}
