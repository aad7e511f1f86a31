import type { Reason } from '../base/reasons.ts'
import { type ClaimedFacts, validateClaims, validateHeader } from '../oauth/access-token.ts'
import { type JsonObject, member } from '../oauth/json.ts'
import { readJws } from '../oauth/jws.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Exchange } from '../pipeline/exchange/exchange.ts'
import { isOpaque } from '../tokens/validate-token.ts'
import type { Explainer } from './explainer.ts'

export type CheckVerdict = 'passed' | 'failed' | 'not reached' | 'not checked'

export interface TokenCheck {
  readonly check: 'form' | 'introspection' | 'issuer' | 'header' | 'claims' | 'signature' | 'possession' | 'accepted'
  readonly verdict: CheckVerdict
  readonly reason: Reason | null
  /** Values that the check of the token compared, for people. Never contains the text of the token or a part of it. */
  readonly detail: string | null
}

/** Claims of a token, and the result of each check of the token. */
export interface ExplainedToken {
  readonly issuer: IssuerRules | undefined
  readonly claimed: ClaimedFacts | undefined
  readonly checks: readonly TokenCheck[]
}

/**
 * Runs the checks of a token one by one, with the functions of the token verifier. Unlike the verifier, does not stop
 * at an invalid header: the claims are checked too, so that one call shows all errors.
 *
 * @param x  an exchange that has been decided
 */
export function checkToken(x: Exchange, { tokenMaxBytes, checksSignatures, node }: Explainer): ExplainedToken {
  const { credential, gate } = x
  const fits = credential.length <= tokenMaxBytes
  if (fits && isOpaque(credential) && takesOpaque(x)) return checkOpaque(x, node !== undefined)
  const jws = fits ? readJws(credential) : 'token-too-long'
  const signature = checkSignature(x, checksSignatures)
  if (typeof jws === 'string') {
    const rest = (['issuer', 'header', 'claims'] as const).map((check) => row(check, 'not reached'))
    const checks = [checked('form', jws), ...rest, signature, row('accepted', 'not reached')]
    return { issuer: undefined, claimed: undefined, checks }
  }
  const { header, claims } = jws
  const form = checked('form', undefined, `${credential.length} characters`)
  const iss = member(claims, 'iss')
  const rules = typeof iss === 'string' ? gate.runtime.snapshot.issuers.get(iss) : undefined
  if (rules === undefined) {
    const malformed = iss !== undefined && typeof iss !== 'string'
    const issuer = checked('issuer', malformed ? 'token-claims-malformed' : 'token-issuer-unknown', issuerText(iss))
    const rest = (['header', 'claims'] as const).map((check) => row(check, 'not reached'))
    const checks = [form, issuer, ...rest, signature, row('accepted', 'not reached')]
    return { issuer: undefined, claimed: undefined, checks }
  }
  const headerVerdict = validateHeader(header, rules)
  const claimsVerdict = validateClaims(claims, rules, x.nowMs)
  const checks = [
    form,
    checked('issuer', undefined, `${rules.name}, ${rules.issuer}`),
    checked('header', flawIn(headerVerdict), headerText(header)),
    checked('claims', flawIn(claimsVerdict), claimsText(claims)),
    signature,
    ...checkPossession(x, typeof claimsVerdict === 'string' ? undefined : claimsVerdict),
    checkAccepted(x, rules),
  ]
  return { issuer: rules, claimed: typeof claimsVerdict === 'string' ? undefined : claimsVerdict, checks }
}

function takesOpaque({ route }: Exchange): boolean {
  return [...route!.service.issuers].some(({ tokens }) => tokens !== 'jwt')
}

/**
 * Lists the checks of an opaque token. An opaque token has no readable claims: all facts come from its issuer's
 * introspection response.
 *
 * @param asked  whether the dry run can call the introspection endpoint of an issuer
 */
function checkOpaque(x: Exchange, asked: boolean): ExplainedToken {
  const { facts, reason } = x
  const form = checked('form', undefined, `${x.credential.length} characters; the token is opaque`)
  const detail = facts === undefined ? null : `${facts.issuer.name}, ${facts.issuer.issuer}`
  const verdict = facts !== undefined ? 'passed' : reason.startsWith('token-') ? 'failed' : 'not reached'
  const introspection: TokenCheck = asked
    ? { check: 'introspection', verdict, reason: verdict === 'failed' ? reason : null, detail }
    : {
        ...row('introspection', 'not checked'),
        detail: 'not called offline; a node calls the introspection endpoint of the issuer',
      }
  const accepted = facts === undefined ? row('accepted', 'not reached') : checkAccepted(x, facts.issuer)
  const checks = [form, introspection, ...checkPossession(x, facts), accepted]
  return { issuer: facts?.issuer, claimed: facts, checks }
}

/**
 * Returns the result of the signature check. It follows from the exchange: an exchange has token facts only if the
 * signature was valid.
 */
function checkSignature({ reason, facts }: Exchange, checksSignatures: boolean): TokenCheck {
  if (!checksSignatures) return row('signature', 'not checked')
  if (reason === 'token-signature' || reason === 'token-key-unknown') return checked('signature', reason)
  return row('signature', facts === undefined ? 'not reached' : 'passed')
}

/**
 * Returns the result of the proof of possession of a bound token. A dry run does not use up a DPoP proof, so a client
 * can still send the same proof. Empty for a token that is not bound to a key.
 */
function checkPossession({ scheme, reason, facts }: Exchange, claimed: ClaimedFacts | undefined): TokenCheck[] {
  if (scheme !== 'dpop' && claimed?.confirmation === undefined) return []
  if (reason.startsWith('proof-') || reason.startsWith('binding-') || reason === 'token-binding') {
    return [checked('possession', reason)]
  }
  return [row('possession', facts === undefined ? 'not reached' : 'passed')]
}

function checkAccepted({ route }: Exchange, rules: IssuerRules): TokenCheck {
  const service = route!.service
  const names = [...service.issuers].map(({ name }) => name).join(', ')
  const reason = service.issuers.has(rules) ? undefined : 'token-issuer-not-accepted'
  return checked('accepted', reason, `service ${service.id} accepts tokens of ${names}`)
}

function flawIn<T extends object>(verdict: T | Reason): Reason | undefined {
  return typeof verdict === 'string' ? verdict : undefined
}

function checked(check: TokenCheck['check'], reason: Reason | undefined, detail: string | null = null): TokenCheck {
  return { check, verdict: reason === undefined ? 'passed' : 'failed', reason: reason ?? null, detail }
}

function row(check: TokenCheck['check'], verdict: CheckVerdict): TokenCheck {
  return { check, verdict, reason: null, detail: null }
}

function issuerText(iss: unknown): string {
  return typeof iss === 'string' ? `iss ${iss}` : 'no iss'
}

function headerText(header: JsonObject): string {
  const named = ['alg', 'typ', 'kid'].map((name) => [name, member(header, name)] as const)
  const said = named.map(([name, value]) => (typeof value === 'string' ? `${name} ${value}` : `no ${name}`))
  return said.join(', ')
}

function claimsText(claims: JsonObject): string {
  const audience = member(claims, 'aud')
  const names = Array.isArray(audience) ? audience : [audience]
  const said = names.every((name) => typeof name === 'string') ? `aud ${names.join(' ')}` : 'no aud'
  const times = (['iat', 'nbf', 'exp'] as const).flatMap((name) => {
    const time = timeText(member(claims, name))
    return time === null ? [] : [`${name} ${time}`]
  })
  return [said, ...times].join(', ')
}

/**
 * Converts a time in a token claim into ISO 8601.
 *
 * @param seconds  time since the epoch, s
 * @returns `null` when the value is not a representable time
 */
export function timeText(seconds: unknown): string | null {
  const date = new Date(typeof seconds === 'number' ? seconds * 1000 : Number.NaN)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
