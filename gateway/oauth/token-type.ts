import { type JsonObject, member } from './json.ts'
import type { IssuerRules } from './token-facts.ts'

/** `typ` of ID tokens at issuers that set an explicit type. */
const idTokenType = 'id_token+jwt'

/**
 * `typ` values of JWTs that are not access tokens, without `application/`. RFC 8725 §3.11 requires that kinds of JWT
 * are distinguishable.
 */
const otherTypes: ReadonlySet<string> = new Set([
  'client-authentication+jwt',
  'dpop+jwt', // DPoP proof (RFC 9449).
  'entity-statement+jwt',
  'gatehouse-assertion+jwt', // Identity assertion of the gate to services.
  idTokenType,
  'kb+jwt',
  'logout+jwt', // Logout token (OpenID Connect Back-Channel Logout).
  'oauth-authz-req+jwt', // Authorization request object (RFC 9101).
  'oauth-client-attestation+jwt',
  'oauth-client-attestation-pop+jwt',
  'secevent+jwt', // Security event token (RFC 8417).
  'token-introspection+jwt', // Introspection response (RFC 9701).
])

/** Claims of ID tokens (OpenID Connect Core §2, §3.3.2.11) or security event tokens that access tokens never have. */
const otherClaims = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const

/**
 * Claims in which some issuers name the kind of a token (Keycloak `typ`, Amazon Cognito `token_use`), with values that
 * no access token has.
 */
const otherKinds: Readonly<Record<string, ReadonlySet<unknown>>> = {
  typ: new Set(['ID', 'Refresh', 'Offline', 'Logout']),
  token_use: new Set(['id']),
}

/** Values of the claims `typ` (Keycloak) and `token_use` (Amazon Cognito) in tokens that are not ID tokens. */
const kindsBesideId: Readonly<Record<string, ReadonlySet<unknown>>> = {
  typ: new Set(['Bearer', 'DPoP', 'Refresh', 'Offline', 'Logout']),
  token_use: new Set(['access']),
}

/**
 * Whether the header of a token fits the profile of its issuer. `at+jwt` requires this `typ` (RFC 9068 §2.1); `any`
 * rejects the types of other kinds of token.
 */
export function isAccessTokenType(header: JsonObject, profile: IssuerRules['profile']): boolean {
  const type = member(header, 'typ')
  // Reject `cty`: it announces a nested JWT (RFC 7519 §5.2), which the gate would not validate.
  if (member(header, 'cty') !== undefined) return false
  if (type === undefined) return profile === 'any'
  if (typeof type !== 'string') return false
  const name = nameOf(type)
  return profile === 'at+jwt' ? name === 'at+jwt' : !otherTypes.has(name)
}

/**
 * Whether the claims identify another kind of token than an access token. The check is needed because `typ` can be
 * optional.
 */
export function isOtherToken(claims: JsonObject): boolean {
  if (otherClaims.some((name) => Object.hasOwn(claims, name))) return true
  return Object.entries(otherKinds).some(([name, kinds]) => kinds.has(member(claims, name)))
}

/**
 * Whether the header fits an ID token: `typ` is absent, or is not known as the type of another kind of token (RFC 8725
 * §3.11).
 */
export function isIdTokenType(header: JsonObject): boolean {
  const type = member(header, 'typ')
  if (type === undefined) return true
  if (typeof type !== 'string') return false
  const name = nameOf(type)
  return name === idTokenType || (name !== 'at+jwt' && !otherTypes.has(name))
}

/** Whether the claims of a presumed ID token identify an access token, a refresh token or a security event token. */
export function isOtherThanIdToken(claims: JsonObject): boolean {
  if (Object.hasOwn(claims, 'events')) return true
  return Object.entries(kindsBesideId).some(([name, kinds]) => kinds.has(member(claims, name)))
}

/** Returns the lower-case media type of `typ` without `application/`, which issuers may omit (RFC 7515 §4.1.9). */
function nameOf(type: string): string {
  return type.toLowerCase().replace(/^application\//, '')
}
