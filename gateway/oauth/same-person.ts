import { type JsonObject, member } from './json.ts'
import { readJws } from './jws.ts'
import { isName } from './name.ts'
import type { IssuerRules } from './token-facts.ts'

/**
 * Whether two tokens of one issuer name the same user: by `sub`, or by `login.subject_claim` for issuers that give each
 * client its own `sub`. An absent or invalid claim names no user.
 */
export function isSamePerson(one: JsonObject, other: JsonObject, { login }: Pick<IssuerRules, 'login'>): boolean {
  const name = login?.subjectClaim ?? 'sub'
  const value = member(one, name)
  return isName(value) && value === member(other, name)
}

/**
 * Compares an access token with the ID token that came with it. An access token for the gate must have the `iss` of
 * the ID token and name the same user. An access token for another recipient, or an opaque one, is not examined.
 *
 * @param identity  claims of the ID token
 * @returns the reason why a session cannot use both tokens, for the log; `undefined` if it can
 */
export function flawInPair(accessToken: string, identity: JsonObject, rules: IssuerRules): string | undefined {
  const jws = readJws(accessToken)
  if (typeof jws === 'string') return undefined
  const audience = member(jws.claims, 'aud')
  const names: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (!names.some((name) => typeof name === 'string' && rules.audience.has(name))) return undefined
  if (member(jws.claims, 'iss') !== rules.issuer) {
    return 'the access token is for the gate, but its iss is not that of the ID token'
  }
  if (isSamePerson(jws.claims, identity, rules)) return undefined
  const { subjectClaim } = rules.login!
  return subjectClaim === undefined
    ? 'the access token is for the gate, but its sub is not that of the ID token; if the issuer gives each client its own sub, set login.subject_claim to a claim that both tokens have, such as oid'
    : `the access token is for the gate, but the tokens do not have the same claim ${subjectClaim} (login.subject_claim)`
}
