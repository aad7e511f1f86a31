import type { VerificationReason } from '../base/reasons.ts'
import { validateIntrospected } from '../oauth/introspection.ts'
import type { JsonObject } from '../oauth/json.ts'
import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import type { Gate } from '../pipeline/gate.ts'
import type { Session } from '../sessions/session.ts'
import { uncheckedVerifier } from './offline-verifier.ts'

/**
 * A credential for a hypothetical request, of which only the claims are given: an access token, or the login session of
 * a browser.
 */
export interface StatedCredential {
  readonly kind: 'token' | 'session'
  readonly claims: JsonObject
}

/**
 * Age of a session of which only the claims are given, s. If it were younger and had ended, its browser would not be
 * redirected to a login.
 */
const SESSION_AGE_S = 60

/**
 * First characters of the text that stands for an opaque token with given claims. The rest of the text is the claims in
 * base64url.
 */
const OPAQUE = 'stated-'

/**
 * Returns a text that stands for an access token with the given claims: an unsigned JWT with a header that the issuer
 * allows, or an opaque text if tokens of the issuer are opaque. Only a verifier made by `statedVerifier` accepts it.
 */
export function statedToken(claims: JsonObject, issuers: ReadonlyMap<string, IssuerRules>): string {
  const issuer = claims['iss']
  const rules = typeof issuer === 'string' ? issuers.get(issuer) : undefined
  if (rules?.tokens === 'opaque') return OPAQUE + base64url(claims)
  const [alg = 'ES256'] = rules?.algorithms ?? []
  return `${base64url({ alg, typ: 'at+jwt' })}.${base64url(claims)}.${base64url('unsigned')}`
}

function base64url(value: object | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/**
 * Returns a verifier for tokens of {@link statedToken}. It validates their claims by the rules of the issuer, but no
 * signature, and calls no issuer.
 */
export function statedVerifier(tokenMaxBytes: number): Gate['verifier'] {
  const { verifier } = uncheckedVerifier(tokenMaxBytes)
  return {
    ...verifier,
    verify: (token, issuers, nowMs) =>
      token.startsWith(OPAQUE)
        ? introspected(JSON.parse(Buffer.from(token.slice(OPAQUE.length), 'base64url').toString()), issuers, nowMs)
        : verifier.verify(token, issuers, nowMs),
  }
}

function introspected(
  claims: JsonObject,
  issuers: ReadonlyMap<string, IssuerRules>,
  nowMs: number,
): TokenFacts | VerificationReason {
  const rules = issuers.get(String(claims['iss']))
  if (rules === undefined) return 'token-issuer-unknown'
  const claimed = validateIntrospected(claims, rules, nowMs)
  if (typeof claimed === 'string') return claimed
  return {
    ...claimed,
    key: { live: true },
    introspection: neverIntrospected,
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

/**
 * Returns sessions for a gate in which every session cookie selects `session`; `undefined`: no cookie selects a
 * session.
 */
export function onlySession(session: Session | undefined): NonNullable<Gate['sessions']> {
  return {
    find: () => session,
    fresh: (given) => given,
    refreshExpired: () => undefined,
    withClaims: async (given) => given,
    ended: () => false,
    idOf: () => session?.id,
    use: () => {},
    lastUseMs: async () => undefined,
  }
}

/**
 * Makes a login session with the given claims, both in its ID token and in its access token. If the policy has no
 * logins at the issuer, the session counts as ended, as on a node.
 *
 * @param accessToken  text of the access token with the same claims
 */
export function statedSession(
  claims: JsonObject,
  accessToken: string,
  issuers: ReadonlyMap<string, IssuerRules>,
  nowMs: number,
): Session {
  const [issuer, acr, authTime, expiry] = ['iss', 'acr', 'auth_time', 'exp'].map((name) => claims[name])
  const lifetime = issuers.get(String(issuer))?.login?.lifetime ?? { idleMs: 0, absoluteMs: 0 }
  const createdAtS = Math.floor(nowMs / 1000) - SESSION_AGE_S
  return {
    id: '0'.repeat(32),
    issuer: String(issuer),
    subject: String(claims['sub']),
    providerSid: undefined,
    acr: typeof acr === 'string' ? acr : undefined,
    authTimeS: typeof authTime === 'number' ? authTime : undefined,
    claims,
    claimsAtS: Math.floor(nowMs / 1000),
    tokensAtS: Math.floor(nowMs / 1000),
    lifetime,
    device: { id: '', address: '', userAgent: '' },
    createdAtS,
    endsAtS: createdAtS + lifetime.absoluteMs / 1000,
    version: 1,
    revocation: noRevocationLookup(),
    tokens: {
      accessToken,
      refreshToken: undefined,
      idToken: undefined,
      accessExpiresAtS: typeof expiry === 'number' ? expiry : undefined,
      scope: undefined,
    },
  }
}
