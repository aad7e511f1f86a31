import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../../oauth/token-facts.ts'
import type { Session } from '../../sessions/session.ts'

interface KnownFacts {
  readonly rules: IssuerRules
  readonly token: TokenFacts | undefined
  readonly facts: TokenFacts
}

/** Cached token facts of sessions. An entry and its derived data live as long as this version of the session object. */
const known = new WeakMap<Session, KnownFacts>()

/**
 * Verified facts of a login session. The facts come from the access token if it is intended for this gate, or else from
 * the ID token. ID token facts have no scopes, because the granted scopes are for another recipient.
 *
 * `acr` and `auth_time` come from the ID token, because `LoginClient.finish` enforces them there. If a different value
 * in the access token counted, the browser would be redirected to the login forever.
 *
 * @param rules  rules of the session's issuer
 * @param token  facts of the access token; `undefined` when the access token is not intended for this gate
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
    issuedAtS: startedAtS(session, token.issuer),
    acr,
    claims: { ...token.claims, acr, ...(authTimeS !== undefined && { auth_time: authTimeS }) },
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

const always = Object.freeze({ live: true })

function identityFacts(session: Session, rules: IssuerRules): TokenFacts {
  const { subject, acr, authTimeS, endsAtS, tokens, claims } = session
  const { clientId } = rules.login!
  return {
    issuer: rules,
    key: always,
    introspection: neverIntrospected,
    subject,
    client: clientId,
    audience: [clientId],
    scopes: new Set(),
    issuedAtS: startedAtS(session, rules),
    expiresAtS: Math.min(tokens.accessExpiresAtS ?? endsAtS, endsAtS),
    tokenId: undefined,
    sessionId: session.id,
    acr,
    confirmation: undefined,
    claims: { ...claims, sub: subject, acr, auth_time: authTimeS },
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

/**
 * Start of the session for the comparison with revocations, s since the epoch. A token refresh does not change this
 * time. The start is measured by the gate's own clock. A revocation entry allows for the issuer's clock tolerance, so
 * the tolerance is added here to cancel it.
 */
function startedAtS({ createdAtS }: Session, { clockToleranceS }: IssuerRules): number {
  return createdAtS + clockToleranceS
}
