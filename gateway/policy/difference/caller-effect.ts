import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { CertificateCondition } from '../snapshot.ts'
import { type ConditionFormula, implies } from './condition-formula.ts'
import { combined, type Effect, isSubset, moreAdmits } from './effect.ts'
import { compareIssuers } from './issuer-effect.ts'
import { type ComparedRoute, isSame } from './policy-side.ts'
import { formulaOf } from './requirement-formula.ts'

/**
 * Compares two routes by the requirement and by the kinds of credentials with which callers can meet it: whether the
 * second route may admit other callers.
 */
export function requirementEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const [old, now] = [routeFormula(before), routeFormula(after)]
  if (old === undefined || now === undefined) {
    return moreAdmits(Number(old === undefined), Number(now === undefined))
  }
  const conditions = hasSameRequirement(before, after) ? 'none' : formulaEffect(old, now)
  return combined([conditions, loginEffect(before, after), certificateEffect(before, after)])
}

/** Returns the requirement of a route as a formula; `undefined` for a public route. */
export function routeFormula({ entry, route, policy }: ComparedRoute): ConditionFormula | undefined {
  if (entry.require === 'public') return undefined
  const issuerOf = (name: string | undefined) => {
    if (name !== undefined) return policy.document.issuers[name]!.issuer
    return [...route.service.issuers].map(({ issuer }) => issuer).join(' ')
  }
  return formulaOf(entry.require, { roles: route.service.roles, issuerOf })
}

function hasSameRequirement(before: ComparedRoute, after: ComparedRoute): boolean {
  const meaning = ({ printed, printedService, policy }: ComparedRoute) => [
    printed['require'],
    printedService['roles'],
    Object.entries(policy.document.issuers).map(([name, { issuer }]) => [name, issuer]),
  ]
  return isSame(meaning(before), meaning(after))
}

function formulaEffect(before: ConditionFormula, after: ConditionFormula): Effect {
  return combined([implies(after, before) ? 'none' : 'wider', implies(before, after) ? 'none' : 'narrower'])
}

/**
 * Compares which logins two routes accept. A session cookie takes precedence over a client certificate. If a route that
 * also names certificates stops accepting logins, a caller with both credentials can therefore be admitted by the
 * certificate.
 */
function loginEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const effect = moreAdmits(Math.min(1, before.route.logins.length), Math.min(1, after.route.logins.length))
  return effect === 'narrower' && after.route.certificates.length > 0 ? 'incomparable' : effect
}

function certificateEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const [old, now] = [before.route.certificates, after.route.certificates]
  return combined([areCovered(now, old) ? 'none' : 'wider', areCovered(old, now) ? 'none' : 'narrower'])
}

function areCovered(narrow: readonly CertificateCondition[], wide: readonly CertificateCondition[]): boolean {
  return narrow.every((one) => wide.some((other) => isCovered(one, other)))
}

function isCovered(narrow: CertificateCondition, wide: CertificateCondition): boolean {
  const issuer = wide.issuer === undefined || wide.issuer === narrow.issuer
  return issuer && areNamesCovered(narrow.spiffe, wide.spiffe) && areNamesCovered(narrow.names, wide.names)
}

/** Whether a certificate condition covers all names of another condition. `undefined` stands for all names. */
function areNamesCovered(narrow: ReadonlySet<string> | undefined, wide: ReadonlySet<string> | undefined): boolean {
  return wide === undefined || (narrow !== undefined && isSubset(narrow, wide))
}

/**
 * Compares the issuers that a service accepts, and the rules for their tokens. Returns `none` if one of the routes is
 * public, because a public route reads no token; `requirementEffect` compares such routes.
 */
export function acceptedIssuersEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  if (before.route.requirement === undefined || after.route.requirement === undefined) return 'none'
  const [old, now] = [issuersByUrl(before), issuersByUrl(after)]
  const effects: Effect[] = []
  for (const [url, { name }] of now) {
    const known = old.get(url)
    if (known === undefined) effects.push('wider')
    else {
      const [side, sideAfter] = [before.policy, after.policy]
      effects.push(compareIssuers({ side, name: known.name }, { side: sideAfter, name }).effect)
    }
  }
  if ([...old.keys()].some((url) => !now.has(url))) effects.push('narrower')
  return combined([...effects, introspectionEffect(before, after)])
}

function issuersByUrl({ route }: ComparedRoute): ReadonlyMap<string, IssuerRules> {
  return new Map([...route.service.issuers].map((rules) => [rules.issuer, rules]))
}

/**
 * Compares the lists of issuers at which opaque tokens are introspected. An opaque token belongs to the first issuer
 * that knows it, so another list can turn the same text into another token.
 */
function introspectionEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  const [old, now] = [before, after].map(({ route }) => route.introspection.asked.map(({ issuer }) => issuer))
  return isSame(old, now) || now!.length === 0 ? 'none' : old!.length === 0 ? 'wider' : 'incomparable'
}

/**
 * Compares the accepted schemes of `Authorization`, and the terms of the tokens that the gate requests for clients with
 * id and secret.
 */
export function schemesEffect(before: ComparedRoute, after: ComparedRoute): Effect {
  if (before.route.requirement === undefined || after.route.requirement === undefined) return 'none'
  const [old, now] = [before.route.accept, after.route.accept]
  const basic = moreAdmits(Number(old.basic !== undefined), Number(now.basic !== undefined))
  const terms = ({ basic: terms }: typeof old) => terms && [terms.issuer.issuer, terms.auth, terms.tokenId]
  const other = basic === 'none' && !isSame(terms(old), terms(now)) ? 'incomparable' : 'none'
  return combined([moreAdmits(Number(old.bearer), Number(now.bearer)), basic, other])
}
