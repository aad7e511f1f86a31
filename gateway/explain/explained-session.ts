import type { HeaderField } from '../base/denial.ts'
import { identityClaims } from '../oauth/identity-claims.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import type { Gate } from '../pipeline/gate.ts'
import { endOf, type Session } from '../sessions/session.ts'
import { timeText } from './token-checks.ts'

/**
 * Login session of a hypothetical request. Members are in snake_case, because `gatehouse explain --output json` prints
 * them.
 */
export interface SessionView {
  readonly id: string
  readonly subject: string
  readonly issuer: string
  /** Time at which the gate got the claims about the session's user from the issuer, ISO 8601. */
  readonly claims_at: string | null
  /** Names of the claims about the user that the login session has, in alphabetical order. */
  readonly claims: readonly string[]
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly ends_at: string | null
}

/**
 * Makes the sessions of a dry run: every session cookie selects `session`. Its tokens and claims are renewed as for a
 * real request.
 *
 * @param real  sessions of the node, which renew tokens and claims
 */
export function soleSession(session: Session, real: NonNullable<Gate['sessions']>): NonNullable<Gate['sessions']> {
  return {
    find: () => session,
    idOf: () => session.id,
    fresh: (each) => real.fresh(each),
    refreshExpired: (each) => real.refreshExpired(each),
    withClaims: (each, maxAgeMs) => real.withClaims(each, maxAgeMs),
    ended: (each) => real.ended(each),
    use: () => {},
    lastUseMs: (each) => real.lastUseMs(each),
  }
}

/**
 * Returns the fields of a request with a session cookie added. Unless the fields already say by which page the request
 * was caused, a field is added that names a page of the same origin.
 *
 * @param name  name of the session cookie
 */
export function withSessionCookie(fields: readonly HeaderField[], name: string): readonly HeaderField[] {
  const statesOrigin = fields.some(([field]) => /^(?:origin|sec-fetch-site)$/i.test(field))
  const cookie = ['cookie', `${name}=stated`] as const
  return statesOrigin ? [...fields, cookie] : [...fields, ['sec-fetch-site', 'same-origin'], cookie]
}

/**
 * Describes the login session of a request.
 *
 * @returns `null` when the request was not decided by a session
 */
export function sessionViewOf({ session, facts, roles, gate }: Exchange): SessionView | null {
  if (session === undefined) return null
  const { id, subject, issuer, claimsAtS, createdAtS } = session
  const absoluteMs = gate.runtime.snapshot.issuers.get(issuer)?.login?.lifetime.absoluteMs ?? 0
  return {
    id,
    subject: facts?.subject ?? subject,
    issuer,
    claims_at: timeText(claimsAtS ?? createdAtS),
    claims:
      facts === undefined
        ? []
        : Object.keys(facts.claims)
            .filter((name) => identityClaims.has(name))
            .sort(),
    scopes: [...(facts?.scopes ?? [])],
    roles: facts === undefined ? [] : [...roles],
    ends_at: timeText(endOf(session, absoluteMs)),
  }
}
