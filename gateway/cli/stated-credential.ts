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

/** A credential of which only the claims are known: an access token, or the login session of a browser. */
export interface StatedCredential {
  readonly kind: 'token' | 'session'
  readonly claims: JsonObject
}

/** Age of a stated session, s. A younger session that has ended does not redirect its browser to a login. */
const SESSION_AGE_S = 60

/** First characters of the text of a stated opaque token. The rest is its claims in base64url. */
const OPAQUE = 'stated-'

/**
 * Text of an access token with the given claims: an unsigned JWT with the header that its issuer requires, or an opaque
 * text for an issuer whose tokens are opaque. Only a verifier of `statedVerifier` accepts the text.
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

/** Validates the claims of stated tokens by the rules of their issuer, without a signature and without calls. */
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

/** Sessions of a gate that has exactly one session, whatever the value of the cookie; none for `undefined`. */
export function onlySession(session: Session | undefined): NonNullable<Gate['sessions']> {
  return {
    find: () => session,
    fresh: (given) => given,
    withClaims: async (given) => given,
    ended: () => false,
    idOf: () => session?.id,
    use: () => {},
    lastUseMs: async () => undefined,
  }
}

/**
 * A login session with stated claims. They are the claims of its ID token and of its access token. A session at an
 * issuer without logins is ended, as on a node whose policy no longer allows them.
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
