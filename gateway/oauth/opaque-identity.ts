import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'

/** Identity of an opaque token. It is the same for every text that the issuer accepts as this token. */
export interface OpaqueIdentity {
  readonly issuer: IssuerRules
  /**
   * `jti`: the token id that the issuer assigned. `answer`: derived from the issuer's introspection response, see
   * {@link answerIdentity}.
   */
  readonly by: 'jti' | 'answer'
  readonly value: string
}

/**
 * Introspects an opaque token to find its identity.
 *
 * @param issuer  name or identifier of the only issuer that introspects the token; `undefined`: all issuers that
 *   introspect opaque tokens by the policy
 * @returns `undefined` when the token is inactive, its issuer is unavailable, or the response contains no identity
 */
export type IdentifyOpaque = (token: string, issuer: string | undefined) => Promise<OpaqueIdentity | undefined>

/**
 * Identity of an opaque token without `jti`, built from its introspection response (RFC 7662 §2.2). Tokens that were
 * issued in the same second to one client, for one subject and the same scopes, have the same identity.
 *
 * @returns `undefined` when the response lacks `iat` or `exp`, because many tokens would then have the same identity
 */
export function answerIdentity(claims: JsonObject): string | undefined {
  const [iat, exp] = [member(claims, 'iat'), member(claims, 'exp')]
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return undefined
  const scope = member(claims, 'scope')
  const scopes = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope.map(String) : []
  const sorted = [...new Set(scopes)].filter((name) => name !== '').sort()
  return JSON.stringify([member(claims, 'sub') ?? null, member(claims, 'client_id') ?? null, iat, exp, sorted])
}
