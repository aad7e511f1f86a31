import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'

/** By what an opaque token can be found under any text that its issuer takes for it. */
export interface OpaqueIdentity {
  readonly issuer: IssuerRules
  /** `jti`: the id that the issuer gives the token. `answer`: a statement about it, see {@link answerIdentity}. */
  readonly by: 'jti' | 'answer'
  readonly value: string
}

/**
 * Asks the issuer of an opaque token by what it can be found.
 *
 * @param issuer  name or identifier of the only issuer to ask; `undefined`: those that the policy asks about such tokens
 * @returns `undefined` where the token is not active, its issuer cannot be asked, or says nothing that stands for it
 */
export type IdentifyOpaque = (token: string, issuer: string | undefined) => Promise<OpaqueIdentity | undefined>

/**
 * Stands for an opaque token without `jti`: what its issuer answers about it (RFC 7662 §2.2). Tokens that one client got
 * for one subject and the same scopes in the same second share it.
 *
 * @returns `undefined` where the answer lacks `iat` or `exp`, and would be the same for many tokens
 */
export function answerIdentity(claims: JsonObject): string | undefined {
  const [iat, exp] = [member(claims, 'iat'), member(claims, 'exp')]
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return undefined
  const scope = member(claims, 'scope')
  const scopes = typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope.map(String) : []
  const sorted = [...new Set(scopes)].filter((name) => name !== '').sort()
  return JSON.stringify([member(claims, 'sub') ?? null, member(claims, 'client_id') ?? null, iat, exp, sorted])
}
