import type { HeaderField } from '../base/denial.ts'
import { identityClaims } from '../oauth/identity-claims.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import type { Gate } from '../pipeline/gate.ts'
import { endOf, type Session } from '../sessions/session.ts'
import { timeText } from './token-checks.ts'

/** Login session of a hypothetical request. Members are in snake_case, because `--output json` prints them. */
export interface SessionView {
  readonly id: string
  readonly subject: string
  readonly issuer: string
  /** Time at which the issuer stated the claims about the user. */
  readonly claims_at: string | null
  /** Names of the claims about the user that the request has, in the order of the alphabet. */
  readonly claims: readonly string[]
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly ends_at: string | null
}

/** Sessions of a dry run that has this session, whatever the value of the cookie. It is refreshed as in a real request. */
export function soleSession(session: Session, real: NonNullable<Gate['sessions']>): NonNullable<Gate['sessions']> {
  return {
    find: () => session,
    idOf: () => session.id,
    fresh: (each) => real.fresh(each),
    withClaims: (each, maxAgeMs) => real.withClaims(each, maxAgeMs),
    ended: (each) => real.ended(each),
    use: () => {},
    lastUseMs: (each) => real.lastUseMs(each),
  }
}

/**
 * Fields of a request with a session cookie. A page of the same origin sent the request, unless the fields say where it
 * comes from.
 *
 * @param name  name of the session cookie
 */
export function withSessionCookie(fields: readonly HeaderField[], name: string): readonly HeaderField[] {
  const statesOrigin = fields.some(([field]) => /^(?:origin|sec-fetch-site)$/i.test(field))
  const cookie = ['cookie', `${name}=stated`] as const
  return statesOrigin ? [...fields, cookie] : [...fields, ['sec-fetch-site', 'same-origin'], cookie]
}

/** @returns `null` when the request was not decided by a session */
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
