import type { TokenReason } from '../base/reasons.ts'
import { type JsonObject, member } from './json.ts'
import { readName } from './name.ts'
import type { IssuerRules, TokenFacts } from './token-facts.ts'
import { isAccessTokenType, isOtherToken } from './token-type.ts'

/** Which key an access token asks for. */
export interface TokenHeader {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** What a token says, before a key has vouched for it. */
export type ClaimedFacts = Omit<TokenFacts, 'key' | 'standing' | 'derived' | 'revocation' | 'texts'>

/**
 * Judges the header of a token by the rules of its issuer (RFC 8725 §3.1, §3.11; RFC 9068 §4). `jwk`, `jku`, `x5c` and
 * `x5u` are never looked at: keys come from the issuer's own set alone.
 */
export function judgeHeader(header: JsonObject, rules: IssuerRules): TokenHeader | TokenReason {
  const algorithm = member(header, 'alg')
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) return 'token-algorithm'
  // Members of a JWE (RFC 7516 §4.1): nothing is decrypted or inflated here.
  if (Object.hasOwn(header, 'enc') || Object.hasOwn(header, 'zip')) return 'token-malformed'
  const keyId = member(header, 'kid')
  if (keyId !== undefined && typeof keyId !== 'string') return 'token-malformed'
  if (!isAccessTokenType(header, rules.profile)) return 'token-type'
  return { algorithm, keyId }
}

/** As an issuer calls them. */
export type ClaimNames = Pick<IssuerRules, 'scopeClaim' | 'clientClaim'>

/**
 * Judges the claims of a token by the rules of its issuer (RFC 7519 §4.1, RFC 9068 §4), `iss` excepted, by which the
 * rules were found. The tolerance of the issuer's clock applies to `exp`, `nbf` and `iat`.
 *
 * @param nowMs  ms since the epoch
 * @param names  of the claims that issuers name differently
 */
export function judgeClaims(
  claims: JsonObject,
  rules: IssuerRules,
  nowMs: number,
  names: ClaimNames = rules,
): ClaimedFacts | TokenReason {
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

  // RFC 7800 §3.1: whoever cannot check the binding must not take the token as a bearer token.
  if (Object.hasOwn(claims, 'cnf')) return 'token-binding'

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
    claims,
  }
}

/** From then on a token is refused, ms since the epoch. */
export function refusedFromMs(facts: Pick<TokenFacts, 'issuer' | 'expiresAtS'>): number {
  return (facts.expiresAtS + facts.issuer.clockToleranceS) * 1000
}

/** `exp`, `nbf` and `iat` may have fractions (RFC 7519 §2, NumericDate), but are numbers and finite (1e400 is not). */
function flawInTime(claims: JsonObject, rules: IssuerRules, nowS: number): TokenReason | undefined {
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
  // Without iat the life left is all there is to go by, and the issuer's clock may be ahead of ours.
  const lifetimeS = iat === undefined ? exp - nowS - toleranceS : exp - iat
  return lifetimeS > rules.maxTokenLifetimeS ? 'token-lifetime' : undefined
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** `null`: malformed. None at all is an empty list, which names no audience. */
function readAudience(value: unknown): readonly string[] | null {
  if (value === undefined) return []
  if (typeof value === 'string') return [value]
  return isStrings(value) ? value : null
}

/** Scope values (RFC 6749 §3.3, RFC 8693 §4.2), compared as they are: no case folding, no other separator. */
function readScopes(value: unknown, arrayToo: boolean): ReadonlySet<string> | null {
  if (value === undefined) return new Set()
  const names = typeof value === 'string' ? value.split(' ') : arrayToo && isStrings(value) ? value : null
  return names === null ? null : new Set(names.filter((name) => name !== ''))
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
