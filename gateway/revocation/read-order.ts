import { didYouMean } from '../base/nearest.ts'
import { isBearerToken } from '../oauth/introspection.ts'
import { member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import { isName, NAME_MAX } from '../oauth/name.ts'
import type { OpaqueIdentity } from '../oauth/opaque-identity.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import { isCertificateIssuer, spiffeIssuer } from '../x509/certificate-identity.ts'
import { trustDomainOf } from '../x509/spiffe-id.ts'
import { type HashKeys, signedPart, textsOfOpaque } from './identity.ts'
import { ANY_TIME, writeRecord } from './record.ts'
import {
  type OwnSessionsOrder,
  type RefusalCode,
  type RevocationOrder,
  RevocationRefused,
  type TokenOrder,
} from './revocation-order.ts'

const TOKEN_MAX = 64 * 1024
const REASON_MAX = 200
/**
 * Time for which a revocation is stored after the last credential that it matches has expired, s. A shorter time might
 * not cover the clock differences of nodes.
 */
const LIFE_MIN_S = 60
const EXPIRES_MAX = ANY_TIME - 1

/** Issuers of the policy and of client certificates, by issuer identifier. */
type Issuers = ReadonlyMap<string, IssuerRules>

/** For each issuer identifier, the latest expiry of a login session created at that issuer, s since the Unix epoch. */
export type SessionEnds = ReadonlyMap<string, number>

/** Times that determine the records of a revocation order. */
export interface OrderTimes {
  /** Current time for the revocation records, s since the Unix epoch, with fractions. */
  readonly nowS: number
  /** Latest session expiry per issuer, because sessions can last longer than the current policy allows. */
  readonly sessionEnds: SessionEnds
}

/** A validated revocation order, as revocation records to write to Redis. */
export interface ReadOrder {
  /** One or more packed revocation records, all with the same expiry. */
  readonly record: Buffer
  readonly kind: RevocationOrder['kind']
  /** Name in the policy of the issuer of the order; its identifier if the policy no longer contains the issuer. */
  readonly issuer: string
  /** True when the order names an opaque token. Only the issuer of such a token knows its other identities. */
  readonly opaque?: true
}

/**
 * Validates a revocation order and converts it to records. The records match exactly the credentials that the order
 * names. They expire after the last of these credentials has expired.
 *
 * @throws {RevocationRefused} when the order is invalid
 */
export function readOrder(
  order: RevocationOrder,
  issuers: Issuers,
  keys: HashKeys,
  { nowS, sessionEnds }: OrderTimes,
): ReadOrder {
  if (order.reason !== undefined && !isReason(order.reason)) {
    throw malformed(`the reason must be 1 to ${REASON_MAX} printable characters`)
  }
  switch (order.kind) {
    case 'token':
      return readToken(order, issuers, keys, nowS)
    case 'issuer':
      return readIssuer(order.issuer, order.beforeS, issuers, keys, nowS, sessionEnds)
    case 'session':
      if ('ids' in order) return readOwnSessions(order, issuers, keys, nowS, sessionEnds)
      return readIdentity(order, issuers, keys, nowS, sessionEnds)
    case 'jti':
    case 'subject':
    case 'client':
      return readIdentity(order, issuers, keys, nowS, sessionEnds)
    default:
      throw malformed('`kind` must be one of token, jti, session, subject, client, issuer')
  }
}

function readToken({ token, issuer }: TokenOrder, issuers: Issuers, keys: HashKeys, nowS: number): ReadOrder {
  const named = issuer === undefined ? undefined : issuerOf(issuer, issuers)
  const jws = typeof token === 'string' && token.length <= TOKEN_MAX ? readJws(token) : 'token-malformed'
  if (typeof jws === 'string' || !Object.hasOwn(jws.claims, 'iss')) return readOpaque(token, named, issuers, keys, nowS)
  const claimed = member(jws.claims, 'iss')
  const rules = typeof claimed === 'string' ? issuers.get(claimed) : undefined
  if (rules === undefined) {
    throw refused(
      'revocation_issuer_unknown',
      'no issuer of the policy issued this token',
      'nothing to do: the gate already rejects the token',
    )
  }
  if (named !== undefined && named !== rules) throw malformed('another issuer than the named one issued this token')
  const exp = member(jws.claims, 'exp')
  if (typeof exp !== 'number' || !Number.isFinite(exp) || exp <= 0) {
    throw malformed('the token has no valid `exp`: the gate already rejects it')
  }
  const hash = keys.hashOf('token', '', signedPart(token))
  return {
    record: writeRecord(hash, ANY_TIME, expiry(exp + rules.clockToleranceS, nowS)),
    kind: 'token',
    issuer: rules.name,
  }
}

/**
 * Validates an order to revoke an opaque token. The token reveals neither its issuer nor its expiry, so its record
 * lasts as long as any opaque token can be valid.
 *
 * @param named  issuer named in the order
 */
function readOpaque(
  token: string,
  named: IssuerRules | undefined,
  issuers: Issuers,
  keys: HashKeys,
  nowS: number,
): ReadOrder {
  const asked = [...issuers.values()].filter(({ tokens }) => tokens !== 'jwt')
  if (asked.length === 0) throw malformed('the token is not a JWS in compact form (RFC 7515 §7.1)')
  if (typeof token !== 'string' || token.length > TOKEN_MAX || !isBearerToken(token)) {
    throw malformed('the token is not a valid bearer token (RFC 6750 §2.1)')
  }
  if (named !== undefined && !asked.includes(named)) {
    throw malformed('the token is not a JWT, but the named issuer issues only JWTs (`tokens: jwt`)')
  }
  const expires = expiry(Math.max(...asked.map((rules) => lastAlive(rules, nowS))), nowS)
  const records = textsOfOpaque(token).map((text) => writeRecord(keys.hashOf('token', '', text), ANY_TIME, expires))
  return {
    record: Buffer.concat(records),
    kind: 'token',
    issuer: named?.name ?? asked.map(({ name }) => name).join(),
    opaque: true,
  }
}

/**
 * Returns a record that matches an opaque token by its `jti` or by the introspection response of its issuer.
 *
 * @param nowS  current time, s since the Unix epoch, with fractions
 */
export function recordOfIdentity({ issuer, by, value }: OpaqueIdentity, keys: HashKeys, nowS: number): Buffer {
  const hash = keys.hashOf(by === 'jti' ? 'jti' : 'answer', issuer.issuer, value)
  return writeRecord(hash, ANY_TIME, expiry(lastAlive(issuer, nowS), nowS))
}

function readIdentity(
  { kind, id, issuer }: Extract<RevocationOrder, { readonly id: string }>,
  issuers: Issuers,
  keys: HashKeys,
  nowS: number,
  sessionEnds: SessionEnds,
): ReadOrder {
  if (!isName(id)) {
    throw malformed(`the ${kind} must be 1 to ${NAME_MAX} characters of well-formed text, without control characters`)
  }
  const rules = issuerOf(issuer ?? domainOf(id, issuers), issuers)
  // Match any time of issue: a `jti` identifies one token, so the record matches the token whatever time of issue it
  // states.
  const beforeS = kind === 'jti' ? ANY_TIME : Math.floor(nowS) + rules.clockToleranceS + 1
  const lastS = lastAlive(rules, nowS, sessionEnds.get(rules.issuer))
  return {
    record: writeRecord(keys.hashOf(kind, rules.issuer, id), Math.ceil(beforeS), expiry(lastS, nowS)),
    kind,
    issuer: rules.name,
  }
}

/**
 * Validates an order to revoke sessions of the gate. Session ids are never reused, so the records match a session of
 * any age. If the order names no issuer, there is one record for each issuer with `login` in the policy, or for each
 * issuer if none has `login`. The reason is that nodes of an older version look up a session only under its issuer.
 */
function readOwnSessions(
  order: OwnSessionsOrder,
  issuers: Issuers,
  keys: HashKeys,
  nowS: number,
  sessionEnds: SessionEnds,
): ReadOrder {
  const { ids, issuer } = order
  const all = tokenIssuers(issuers)
  const withLogin = all.filter(({ login }) => login !== undefined)
  const possible = withLogin.length === 0 ? all : withLogin
  const scopes = issuer === undefined ? possible.map((rules) => rules.issuer) : [issuer]
  if (scopes.length === 0) {
    throw refused(
      'revocation_issuer_unknown',
      'the policy has no issuer',
      'nothing to do: without an issuer there are no login sessions',
    )
  }
  const lastS =
    order.issuer === undefined
      ? Math.max(...possible.map((rules) => lastAlive(rules, nowS, sessionEnds.get(rules.issuer))))
      : order.endsAtS
  const expiresS = expiry(lastS, nowS)
  const records = scopes.flatMap((scope) =>
    ids.map((id) => writeRecord(keys.hashOf('session', scope, id), ANY_TIME, expiresS)),
  )
  const names = scopes.map((scope) => issuers.get(scope)?.name ?? scope)
  return { record: Buffer.concat(records), kind: 'session', issuer: names.join() }
}

function readIssuer(
  issuer: string,
  beforeS: number,
  issuers: Issuers,
  keys: HashKeys,
  nowS: number,
  sessionEnds: SessionEnds,
): ReadOrder {
  if (typeof beforeS !== 'number' || !Number.isFinite(beforeS) || beforeS <= 0) {
    throw malformed(
      'the time of issue before which tokens are revoked must be a number above 0, in seconds since the epoch',
    )
  }
  const rules = issuerOf(issuer, issuers)
  if (beforeS > nowS + rules.clockToleranceS) {
    throw refused(
      'revocation_in_future',
      'the time of issue before which tokens are revoked is in the future',
      'use the current time or an earlier time: a time in the future would also revoke tokens that are not yet issued',
    )
  }
  const hash = keys.hashOf('issuer', rules.issuer, '')
  const before = Math.ceil(beforeS + rules.clockToleranceS)
  return {
    record: writeRecord(hash, before, expiry(lastAlive(rules, nowS, sessionEnds.get(rules.issuer)), nowS)),
    kind: 'issuer',
    issuer: rules.name,
  }
}

/**
 * Finds the issuer for an order that names only a SPIFFE ID. Returns the issuer that stands for its trust domain;
 * `undefined` if no trusted CA issues IDs of this domain. If the policy also has issuers of tokens, the order is
 * refused and must name an issuer, because the subject of a token can be a SPIFFE ID too.
 */
function domainOf(id: string, issuers: Issuers): string | undefined {
  const domain = trustDomainOf(id)
  const rules = domain === undefined ? undefined : issuers.get(spiffeIssuer(domain))
  if (rules === undefined) return undefined
  if (tokenIssuers(issuers).length === 0) return rules.issuer
  throw refused(
    'revocation_issuer_needed',
    'the order must name an issuer: the subject can be that of a certificate or of a token',
    `for the certificate, name ${rules.issuer}`,
  )
}

function tokenIssuers(issuers: Issuers): IssuerRules[] {
  return [...issuers.values()].filter(({ issuer }) => !isCertificateIssuer(issuer))
}

/**
 * Finds an issuer by its name in the policy or by its identifier. Without a name, returns the only issuer of tokens; if
 * the policy has no issuer of tokens, returns the only issuer of client certificates.
 */
function issuerOf(named: string | undefined, issuers: Issuers): IssuerRules {
  const all = [...issuers.values()]
  if (named === undefined) {
    const ofTokens = tokenIssuers(issuers)
    const [only, other] = ofTokens.length === 0 ? all : ofTokens
    if (only !== undefined && other === undefined) return only
    const hint = all.length === 0 ? 'the policy has no issuer' : `known: ${all.map(({ name }) => name).join(', ')}`
    throw refused(
      'revocation_issuer_needed',
      'the order must name an issuer: two issuers may use the same id for different things',
      hint,
    )
  }
  const found = all.find(({ name }) => name === named) ?? issuers.get(named)
  if (found !== undefined) return found
  const names = all.map(({ name }) => name)
  const hint = (typeof named === 'string' && didYouMean(named, names)) || `known: ${names.join(', ')}`
  throw refused('revocation_issuer_unknown', 'the policy has no issuer with this name or identifier', hint)
}

/**
 * Returns the latest time at which a token or login session that exists now can be valid, s since the Unix epoch.
 * Assumes an issuing clock that is ahead, the longest lifetime, and a validating clock that is behind. Includes
 * sessions that were created under an earlier policy with a longer lifetime, because a later policy may allow that
 * lifetime again.
 */
function lastAlive({ maxTokenLifetimeS, clockToleranceS, login }: IssuerRules, nowS: number, lastSessionS = 0): number {
  const sessionS = (login?.lifetime.absoluteMs ?? 0) / 1000
  return Math.max(nowS + maxTokenLifetimeS, nowS + sessionS, lastSessionS) + 2 * clockToleranceS
}

function expiry(lastS: number, nowS: number): number {
  return Math.min(Math.ceil(Math.max(lastS, nowS) + LIFE_MIN_S), EXPIRES_MAX)
}

function isReason(reason: unknown): boolean {
  return typeof reason === 'string' && reason.length <= REASON_MAX && /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(reason)
}

function malformed(message: string): RevocationRefused {
  return refused('revocation_malformed', message, 'see docs/guide/cluster.md')
}

function refused(code: RefusalCode, message: string, hint: string): RevocationRefused {
  return new RevocationRefused(code, message, hint)
}
