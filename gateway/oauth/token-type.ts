import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'

/** `typ` of an ID token, where the issuer gives it a type of its own. */
const idTokenType = 'id_token+jwt'

/** `typ` of JWTs that are something else (RFC 8725 §3.11 asks for each to be told apart), without `application/`. */
const otherTypes: ReadonlySet<string> = new Set([
  'client-authentication+jwt',
  'dpop+jwt', // RFC 9449
  'entity-statement+jwt',
  'gatehouse-assertion+jwt', // our own, towards services
  idTokenType,
  'kb+jwt',
  'logout+jwt', // OpenID Connect Back-Channel Logout
  'oauth-authz-req+jwt', // RFC 9101
  'oauth-client-attestation+jwt',
  'oauth-client-attestation-pop+jwt',
  'secevent+jwt', // RFC 8417
  'token-introspection+jwt', // RFC 9701
])

/** Claims that ID tokens (OpenID Connect Core §2, §3.3.2.11) or security event tokens have, and access tokens not. */
const otherClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

/** Claims by which some issuers name the kind of a token: Keycloak `typ`, Amazon Cognito `token_use`. */
const otherKinds: Readonly<Record<string, ReadonlySet<unknown>>> = {
  typ: new Set(['ID', 'Refresh', 'Offline', 'Logout']),
  token_use: new Set(['id']),
}

/** The same claims in tokens that are no ID tokens. */
const kindsBesideId: Readonly<Record<string, ReadonlySet<unknown>>> = {
  typ: new Set(['Bearer', 'DPoP', 'Refresh', 'Offline', 'Logout']),
  token_use: new Set(['access']),
}

/** Whether the header says what the profile demands: `at+jwt` (RFC 9068 §2.1), or no type that is known to be another. */
export function isAccessTokenType(header: JsonObject, profile: IssuerRules['profile']): boolean {
  const type = member(header, 'typ')
  // Claims of an access token are the content itself: `cty` speaks of a JWT inside (RFC 7519 §5.2), judged by nobody.
  if (member(header, 'cty') !== undefined) return false
  if (type === undefined) return profile === 'any'
  if (typeof type !== 'string') return false
  const name = nameOf(type)
  return profile === 'at+jwt' ? name === 'at+jwt' : !otherTypes.has(name)
}

/** Whether the claims are recognisably those of another kind of token. Asked where `typ` need not say so. */
export function isOtherToken(claims: JsonObject): boolean {
  if (otherClaims.some((name) => Object.hasOwn(claims, name))) return true
  return Object.entries(otherKinds).some(([name, kinds]) => kinds.has(member(claims, name)))
}

/** Whether the header of an ID token names no type, or none that is known to be another one (RFC 8725 §3.11). */
export function isIdTokenType(header: JsonObject): boolean {
  const type = member(header, 'typ')
  if (type === undefined) return true
  if (typeof type !== 'string') return false
  const name = nameOf(type)
  return name === idTokenType || (name !== 'at+jwt' && !otherTypes.has(name))
}

/** Whether the claims are recognisably those of an access token, a refresh token or a security event token. */
export function isOtherThanIdToken(claims: JsonObject): boolean {
  if (Object.hasOwn(claims, 'events')) return true
  return Object.entries(kindsBesideId).some(([name, kinds]) => kinds.has(member(claims, name)))
}

/** A media type in `typ` without `application/`, which issuers may leave out (RFC 7515 §4.1.9). */
function nameOf(type: string): string {
  return type.toLowerCase().replace(/^application\//, '')
}
