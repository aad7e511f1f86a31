import { GatewayFault } from '../../base/fault.ts'
import type { IssuerRules, TokenFacts } from '../../oauth/token-facts.ts'
import type { Session } from '../../sessions/session.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { needsClaims, sessionFacts } from './session-facts.ts'

type Claims = TokenFacts['claims']

/**
 * Returns the claims about the user of a session as a requirement of a route would see them, for the documents that the
 * gate sends to the browser. The result contains no claims while the issuer is unavailable and the known claims are too
 * old.
 *
 * @param names  names of the claims that the document contains
 * @returns `undefined` when the session has ended
 */
export async function ownClaims(
  x: Resolved,
  session: Session,
  rules: IssuerRules,
  names: readonly string[],
): Promise<Claims | undefined> {
  try {
    const token = await ownToken(x, session, rules)
    if (!needsClaims(session, rules, token, names, x.nowMs)) return sessionFacts(session, rules, token, x.nowMs).claims
    const renewed = await x.gate.sessions!.withClaims(session, rules.login!.claimsMaxAgeMs)
    if (renewed === undefined) return undefined
    return sessionFacts(renewed, rules, await ownToken(x, renewed, rules), x.nowMs).claims
  } catch (error) {
    if (error instanceof GatewayFault) return {}
    throw error
  }
}

/** Returns the facts of the access token of a session; `undefined` when it is not intended for this gate. */
async function ownToken(x: Resolved, session: Session, rules: IssuerRules): Promise<TokenFacts | undefined> {
  const { issuers, routes } = x.gate.runtime.snapshot
  const terms = routes.find(({ logins }) => logins.includes(rules))?.introspection
  const verified = await x.gate.verifier.verify(session.tokens.accessToken, issuers, x.nowMs, terms)
  x.readClock()
  return typeof verified === 'string' || verified.issuer !== rules ? undefined : verified
}
