import type { VerificationReason } from '../base/reasons.ts'
import { readConfirmation } from './confirmation.ts'
import { type JsonObject, member } from './json.ts'
import { readName } from './name.ts'
import type { IssuerRules, TokenFacts } from './token-facts.ts'
import { isAccessTokenType, isOtherToken } from './token-type.ts'

/** Algorithm and key id from the header of an access token. */
export interface TokenHeader {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** Facts that a token claims, before its signature has been verified. */
export type ClaimedFacts = Omit<TokenFacts, 'key' | 'introspection' | 'derived' | 'revocation' | 'texts'>

/**
 * Validates the header of a token against the rules of its issuer (RFC 8725 §3.1, §3.11; RFC 9068 §4). `jwk`, `jku`,
 * `x5c` and `x5u` are ignored: keys come only from the issuer's own key set.
 */
export function validateHeader(header: JsonObject, rules: IssuerRules): TokenHeader | VerificationReason {
  const algorithm = member(header, 'alg')
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) return 'token-algorithm'
  // Reject `enc` and `zip`, which are members of a JWE (RFC 7516 §4.1): the gate neither decrypts nor decompresses
  // tokens.
  if (Object.hasOwn(header, 'enc') || Object.hasOwn(header, 'zip')) return 'token-malformed'
  const keyId = member(header, 'kid')
  if (keyId !== undefined && typeof keyId !== 'string') return 'token-malformed'
  if (!isAccessTokenType(header, rules.profile)) return 'token-type'
  return { algorithm, keyId }
}

/** Names of the scope claim and the client claim, which differ between issuers. */
export type ClaimNames = Pick<IssuerRules, 'scopeClaim' | 'clientClaim'>

/**
 * Validates the claims of a token against the rules of its issuer (RFC 7519 §4.1, RFC 9068 §4). `iss` is not checked:
 * the caller has chosen the rules by the issuer. The issuer's clock tolerance applies to `exp`, `nbf` and `iat`.
 *
 * @param nowMs  current time, ms since the epoch
 * @param names  names of the claims that differ between issuers; default: those of the issuer's JWTs
 */
export function validateClaims(
  claims: JsonObject,
  rules: IssuerRules,
  nowMs: number,
  names: ClaimNames = rules,
): ClaimedFacts | VerificationReason {
  if (rules.profile === 'any' && isOtherToken(claims)) return 'token-type'

  const flaw = flawInTime(claims, rules, nowMs / 1000)
  if (flaw !== undefined) return flaw

  const audience = readAudience(member(claims, 'aud'))
  if (audience === null) return 'token-claims-malformed'
  if (!audience.some((name) => rules.audience.has(name))) return 'token-audience'

  const scopes = readScopes(member(claims, names.scopeClaim), rules.scopeArray)
  const sub = readName(claims, 'sub')
  const clientId = readName(claims, names.clientClaim ?? 'client_id')
  const authorizedParty = names.clientClaim === undefined ? readName(claims, 'azp') : undefined
  const tokenId = readName(claims, 'jti')
  const sessionId = readName(claims, 'sid')
  const acr = readName(claims, 'acr')
  if (scopes === null || sub === null || clientId === null || authorizedParty === null) return 'token-claims-malformed'
  if (tokenId === null || sessionId === null || acr === null) return 'token-claims-malformed'

  const client = clientId ?? authorizedParty
  const subject = sub ?? client
  if (subject === undefined) return 'token-subject-missing'

  const confirmation = readConfirmation(claims)
  if (confirmation === 'token-binding') return confirmation

  return {
    issuer: rules,
    subject,
    client,
    audience,
    scopes,
    issuedAtS: member(claims, 'iat') as number | undefined,
    expiresAtS: member(claims, 'exp') as number,
    tokenId,
    sessionId,
    acr,
    confirmation,
    claims,
  }
}

/** Returns the time from which a token is rejected as expired, ms since the epoch. */
export function refusedFromMs(facts: Pick<TokenFacts, 'issuer' | 'expiresAtS'>): number {
  return (facts.expiresAtS + facts.issuer.clockToleranceS) * 1000
}

/**
 * Checks `exp`, `nbf` and `iat`. The values may have fractions (RFC 7519 §2, NumericDate), but must be finite numbers
 * (1e400 is not).
 */
function flawInTime(claims: JsonObject, rules: IssuerRules, nowS: number): VerificationReason | undefined {
  const exp = member(claims, 'exp')
  const nbf = member(claims, 'nbf')
  const iat = member(claims, 'iat')
  if (exp === undefined) return 'token-lifetime'
  if (!isTime(exp) || (nbf !== undefined && !isTime(nbf)) || (iat !== undefined && !isTime(iat))) {
    return 'token-claims-malformed'
  }
  const toleranceS = rules.clockToleranceS
  if (nowS >= exp + toleranceS) return 'token-expired'
  if ((nbf !== undefined && nbf > nowS + toleranceS) || (iat !== undefined && iat > nowS + toleranceS)) {
    return 'token-not-yet-valid'
  }
  // Apply the limit of the lifetime to the remaining lifetime when the token has no `iat`. The tolerance is subtracted,
  // because the issuer's clock may be ahead.
  const lifetimeS = iat === undefined ? exp - nowS - toleranceS : exp - iat
  return lifetimeS > rules.maxTokenLifetimeS ? 'token-lifetime' : undefined
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/**
 * Reads the `aud` claim. Returns `null` when the claim is malformed. An absent claim gives an empty list, which matches
 * no audience.
 */
function readAudience(value: unknown): readonly string[] | null {
  if (value === undefined) return []
  if (typeof value === 'string') return [value]
  return isStrings(value) ? value : null
}

/**
 * Reads scope values (RFC 6749 §3.3, RFC 8693 §4.2). Scopes are compared exactly: no case folding, no separator other
 * than a space. Returns `null` when the claim is malformed.
 */
function readScopes(value: unknown, arrayToo: boolean): ReadonlySet<string> | null {
  if (value === undefined) return new Set()
  const names = typeof value === 'string' ? value.split(' ') : arrayToo && isStrings(value) ? value : null
  return names === null ? null : new Set(names.filter((name) => name !== ''))
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
