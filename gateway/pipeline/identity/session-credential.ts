import { denial } from '../../base/denial.ts'
import type { VerificationReason } from '../../base/reasons.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import type { Snapshot } from '../../policy/snapshot.ts'
import { lastEndOf, type Session } from '../../sessions/session.ts'
import { requireLogin } from '../browser/require-login.ts'
import { isSafe, isSameOrigin } from '../browser/same-origin.ts'
import type { Limited, Placed } from '../exchange/exchange.ts'
import { resumed } from '../exchange/resumed.ts'
import type { Verdict } from '../exchange/steps.ts'
import { presentedOrigin, sessionCookieValue } from './session-cookie-value.ts'
import { needsClaims, sessionFacts } from './session-facts.ts'
import { originRefused } from './websocket-origin.ts'

const challenge = bearerChallenge()
const missing = denial('session-missing', { challenge })
export const sessionEnded = denial('session-ended', { challenge })
const crossSite = denial('cross-site')

type PresentVerdict = Verdict<'session-missing' | 'session-ended' | 'cross-site' | 'origin-refused', 'login-required'>

/**
 * Finds the login session of the request's cookie. Without a session, denies 401 or redirects a browser to the login.
 * Denies 403 for a request with an unsafe method that no page of the same origin sent, and for a WebSocket handshake
 * without the field `Origin`. Waits for Redis only if this node does not have the session in memory.
 */
export function presentSession(x: Placed): PresentVerdict | Promise<PresentVerdict> {
  const value = sessionCookieValue(x)
  if (value === undefined || x.gate.sessions === undefined) return requireLogin(x, missing)
  if (!isSafe(x.method) && !isSameOrigin(x)) return crossSite
  // Require only that `Origin` is present: `check-upgrade` has already checked its value.
  if (x.head.handshake !== undefined && x.head.field('origin') === undefined) return originRefused
  const found = x.gate.sessions.find(value, presentedOrigin(x))
  return found instanceof Promise ? resumed(x, found, (late) => present(x, late)) : present(x, found)
}

function present(x: Placed, session: Session | undefined): PresentVerdict {
  if (session === undefined || !isAcceptedSession(x.runtime.snapshot, session, x.nowMs))
    return requireLogin(x, sessionEnded)
  x.session = session
  x.scheme = 'session'
  return undefined
}

/**
 * Whether the current policy still accepts the session: its issuer still allows logins, and the session is not older
 * than the maximum lifetime. The policy may have changed since the login.
 */
export function isAcceptedSession({ issuers }: Snapshot, session: Session, nowMs: number): boolean {
  const login = issuers.get(session.issuer)?.login
  return login !== undefined && nowMs < lastEndOf(session, login.lifetime.absoluteMs) * 1000
}

/** Verification failures which show that the issuer issued the access token for another recipient. */
const otherRecipient: ReadonlySet<VerificationReason> = new Set([
  'token-malformed',
  'token-too-long',
  'token-type',
  'token-audience',
])

/** Reasons for which an access token is invalid, where a new login solves the problem. */
const resolvedByLogin: ReadonlySet<VerificationReason> = new Set([
  'token-expired',
  'token-inactive',
  'token-key-unknown',
])

type SessionVerdict = Verdict<'session-ended' | VerificationReason, 'login-required'>

/**
 * Turns the session into token facts with a valid access token, usually synchronously. Waits for a refresh, for the
 * first verification of an access token, or for newer claims about the user if the route uses claims that are too old.
 */
export function authenticateSession(x: Limited, session: Session): SessionVerdict | Promise<SessionVerdict> {
  const fresh = x.gate.sessions!.fresh(session)
  return fresh instanceof Promise ? resumed(x, fresh, (late) => verify(x, late)) : verify(x, fresh)
}

/** @param renewed  true when the issuer has already been asked for newer claims about the user */
function verify(x: Limited, session: Session | undefined, renewed = false): SessionVerdict | Promise<SessionVerdict> {
  if (session === undefined) return requireLogin(x, sessionEnded)
  x.session = session
  const { issuers } = x.runtime.snapshot
  const { accessToken } = session.tokens
  const verified = x.gate.verifier.verify(accessToken, issuers, x.nowMs, x.route.introspection)
  return verified instanceof Promise
    ? resumed(x, verified, (late) => identify(x, session, late, renewed))
    : identify(x, session, verified, renewed)
}

function identify(
  x: Limited,
  session: Session,
  verified: TokenFacts | VerificationReason,
  renewed: boolean,
): SessionVerdict | Promise<SessionVerdict> {
  const { route } = x
  const rules = x.runtime.snapshot.issuers.get(session.issuer)!
  if (typeof verified === 'string' && !otherRecipient.has(verified)) {
    const refreshed = verified === 'token-expired' ? x.gate.sessions!.refreshExpired(session) : undefined
    if (refreshed !== undefined) return resumed(x, refreshed, (late) => verify(x, late, renewed))
    return resolvedByLogin.has(verified) ? requireLogin(x, sessionEnded) : route.denials.token[verified]
  }
  const token = typeof verified === 'string' || verified.issuer !== rules ? undefined : verified
  // Refuse a bound access token: the gate has no key for the tokens of a session (RFC 7800 §3.1).
  if (token?.confirmation !== undefined) return route.denials.token['token-binding']
  if (!renewed && needsClaims(session, rules, token, route.sessionClaims, x.nowMs)) {
    const claimed = x.gate.sessions!.withClaims(session, rules.login!.claimsMaxAgeMs)
    return resumed(x, claimed, (late) => verify(x, late, true))
  }
  x.credential = session.tokens.accessToken
  x.facts = sessionFacts(session, rules, token, x.nowMs)
  x.loginIssuer = rules
  return undefined
}
