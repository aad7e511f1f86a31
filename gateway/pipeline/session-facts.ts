import { type IssuerRules, neverLookedUp, neverSaid, standsForGood, type TokenFacts } from '../oauth/token-facts.ts'
import type { Session } from '../sessions/session.ts'

interface KnownFacts {
  readonly rules: IssuerRules
  readonly token: TokenFacts | undefined
  readonly facts: TokenFacts
}

/** What is known of a session lives as long as this version of it: the facts, and all that derives from them. */
const known = new WeakMap<Session, KnownFacts>()

/**
 * What a login session verifiably says. Its access token speaks where it is one for this gate; else the ID token does,
 * and then there are no scopes: those that were granted are for somebody else.
 *
 * How and when the person logged in is what the ID token said: that is what a login is held to (`LoginClient.finish`), and
 * where an access token that says otherwise counted, the browser would be sent to log in again for good.
 *
 * @param rules  of the issuer
 * @param token  facts of the access token; `undefined` where it is none for this gate
 */
export function sessionFacts(session: Session, rules: IssuerRules, token: TokenFacts | undefined): TokenFacts {
  const before = known.get(session)
  if (before !== undefined && before.rules === rules && before.token === token) return before.facts
  const facts = token === undefined ? identityFacts(session, rules) : tokenFacts(session, token)
  known.set(session, { rules, token, facts })
  return facts
}

function tokenFacts(session: Session, token: TokenFacts): TokenFacts {
  const { acr = token.acr, authTimeS } = session
  return {
    ...token,
    sessionId: session.id,
    issuedAtS: beganS(session, token.issuer),
    acr,
    claims: { ...token.claims, acr, ...(authTimeS !== undefined && { auth_time: authTimeS }) },
    derived: [],
    revocation: neverLookedUp(),
    texts: neverSaid(),
  }
}

const always = Object.freeze({ live: true })

function identityFacts(session: Session, rules: IssuerRules): TokenFacts {
  const { subject, acr, authTimeS, endsAtS, tokens, claims } = session
  const { clientId } = rules.login!
  return {
    issuer: rules,
    key: always,
    standing: standsForGood,
    subject,
    client: clientId,
    audience: [clientId],
    scopes: new Set(),
    issuedAtS: beganS(session, rules),
    expiresAtS: Math.min(tokens.accessExpiresAtS ?? endsAtS, endsAtS),
    tokenId: undefined,
    sessionId: session.id,
    acr,
    claims: { ...claims, sub: subject, acr, auth_time: authTimeS },
    derived: [],
    revocation: neverLookedUp(),
    texts: neverSaid(),
  }
}

/**
 * What revocations compare: when the session began, whatever tokens it has been given since. By the gate's own clock, so
 * that the issuer's tolerance, which an entry has in it, does not count.
 */
function beganS({ createdAtS }: Session, { clockToleranceS }: IssuerRules): number {
  return createdAtS + clockToleranceS
}
