import { fillIdentity, isUnknownClaim, withoutIdentity, withUnknown } from '../../oauth/identity-claims.ts'
import { readJws } from '../../oauth/jws.ts'
import { isSamePerson } from '../../oauth/same-person.ts'
import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../../oauth/token-facts.ts'
import { areClaimsOld, areClaimsRefused, areTokensOld } from '../../sessions/claim-renewal.ts'
import type { Session } from '../../sessions/session.ts'

interface KnownFacts {
  readonly rules: IssuerRules
  readonly token: TokenFacts | undefined
  /** Time from which claims about the user in these facts are too old, ms since the epoch. */
  readonly untilMs: number
  readonly facts: TokenFacts
}

/** Cached token facts, by session object. A changed session is a new object, so its facts are derived again. */
const known = new WeakMap<Session, KnownFacts>()

/**
 * Returns the verified facts of a login session. The facts come from the access token if it is intended for this gate,
 * or else from the ID token. ID token facts have no scopes, because the granted scopes are for another recipient.
 *
 * Identity claims come from the ID token where the access token lacks them. Claims about the user that are older than
 * `login.claims_max_age` are omitted and marked as unknown. If the access token and the ID token name different users,
 * the access token is not used, as if it were intended for another recipient.
 *
 * `acr` and `auth_time` come from the ID token, because `LoginClient.finish` enforces them there. If a different value
 * in the access token counted, the browser would be redirected to the login forever.
 *
 * @param rules  rules of the session's issuer
 * @param token  facts of the access token; `undefined` when the access token is not intended for this gate
 * @param nowMs  current time, ms since the epoch
 */
export function sessionFacts(
  session: Session,
  rules: IssuerRules,
  token: TokenFacts | undefined,
  nowMs: number,
): TokenFacts {
  const before = known.get(session)
  if (before !== undefined && before.rules === rules && before.token === token && nowMs < before.untilMs) {
    return before.facts
  }
  const own = token !== undefined && namesUserOf(session, rules, token) ? token : undefined
  const maxAgeMs = rules.login!.claimsMaxAgeMs
  const ages = {
    claims: areClaimsOld(session, maxAgeMs, nowMs),
    tokens: areTokensOld(session, maxAgeMs, nowMs),
  }
  const facts = own === undefined ? identityFacts(session, rules, ages) : tokenFacts(session, own, ages)
  known.set(session, { rules, token, untilMs: nextAgeMs(session, maxAgeMs, nowMs), facts })
  return facts
}

/** Whether the claims about the user and the tokens of a session are older than `login.claims_max_age`. */
interface Ages {
  readonly claims: boolean
  readonly tokens: boolean
}

/** Returns the next time at which claims or tokens of the session become too old, ms since the epoch. */
function nextAgeMs({ createdAtS, claimsAtS, tokensAtS }: Session, maxAgeMs: number, nowMs: number): number {
  const ends = [claimsAtS, tokensAtS].map((atS) => (atS ?? createdAtS) * 1000 + maxAgeMs)
  return Math.min(...ends.filter((endMs) => endMs > nowMs))
}

/** Whether an access token names the user of the session, by `sub` or `login.subject_claim`. */
function namesUserOf(session: Session, rules: IssuerRules, token: TokenFacts): boolean {
  if (rules.login?.subjectClaim === undefined) return token.subject === session.subject
  const identity = session.tokens.idToken === undefined ? 'token-malformed' : readJws(session.tokens.idToken)
  return typeof identity !== 'string' && isSamePerson(token.claims, identity.claims, rules)
}

/**
 * Whether claims that a route uses are too old in a session, and the issuer can be asked for newer ones.
 *
 * @param names  names of the claims
 * @param token  facts of the access token; `undefined` when the access token is not intended for this gate
 */
export function needsClaims(
  session: Session,
  rules: IssuerRules,
  token: TokenFacts | undefined,
  names: readonly string[],
  nowMs: number,
): boolean {
  if (names.length === 0) return false
  const maxAgeMs = rules.login!.claimsMaxAgeMs
  const oldTokens = areTokensOld(session, maxAgeMs, nowMs)
  const oldClaims = areClaimsOld(session, maxAgeMs, nowMs)
  if (!oldTokens && !oldClaims) return false
  const { claims } = sessionFacts(session, rules, token, nowMs)
  if (!names.some((name) => isUnknownClaim(claims, name))) return false
  return (oldTokens && session.tokens.refreshToken !== undefined) || (oldClaims && !areClaimsRefused(session, nowMs))
}

function tokenFacts(session: Session, token: TokenFacts, ages: Ages): TokenFacts {
  const { acr = token.acr, authTimeS } = session
  const own = ages.tokens ? withoutIdentity(token.claims) : token.claims
  const claims = ages.claims ? own : fillIdentity(own, session.claims)
  return {
    ...token,
    sessionId: session.id,
    issuedAtS: startedAtS(session, token.issuer),
    acr,
    claims: withUnknown(
      { ...claims, acr, ...(authTimeS !== undefined && { auth_time: authTimeS }) },
      ages.claims || ages.tokens ? 'identity' : undefined,
    ),
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

const always = Object.freeze({ live: true })

function identityFacts(session: Session, rules: IssuerRules, ages: Ages): TokenFacts {
  const { subject, acr, authTimeS, endsAtS, tokens } = session
  const claims = ages.claims ? loginEventsIn(session.claims) : session.claims
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
    claims: withUnknown({ ...claims, sub: subject, acr, auth_time: authTimeS }, ages.claims ? 'all' : undefined),
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}

function loginEventsIn(claims: Session['claims']): Session['claims'] {
  return Object.hasOwn(claims, 'amr') ? { amr: claims['amr'] } : {}
}

/**
 * Returns the start of the session for the comparison with revocations, s since the epoch. A token refresh does not
 * change this time. The start is measured by the gate's own clock. A revocation entry allows for the issuer's clock
 * tolerance, so the tolerance is added here to cancel it.
 */
function startedAtS({ createdAtS }: Session, { clockToleranceS }: IssuerRules): number {
  return createdAtS + clockToleranceS
}
