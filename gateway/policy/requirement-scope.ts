import { didYouMean } from '../base/nearest.ts'
import type { DocumentPath } from '../config/problem.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Complain } from './complain.ts'
import type { RequirementScope } from './requirements/compile-requirement.ts'
import type { ServiceEntry } from './services/service-entry.ts'
import type { ServicePolicy } from './snapshot.ts'

/** Resolves the roles and issuers that requirements of a service's routes may name. */
export function requirementScope(
  { id, issuers }: ServicePolicy,
  roles: ServiceEntry['roles'],
  complain: Complain,
): RequirementScope {
  return {
    roleNamed(role, path) {
      if (Object.hasOwn(roles, role)) return
      const hint = didYouMean(role, Object.keys(roles)) ?? `map it under services.${id}.roles`
      complain('GH_POLICY_ROLE', `service ${id} has no role ${role}`, path, hint)
    },
    issuerOf: (name, path) => issuerOf(name, [...path, 'issuer'], path),
    loginIssuer(name, path) {
      const rules = issuerOf(name, path, path)
      if (rules === undefined || rules.login !== undefined) return rules
      const message = `nobody can log in at issuer ${name}`
      complain('GH_POLICY_LOGIN', message, path, `add login to issuers.${name}`)
      return undefined
    },
  }

  function issuerOf(name: string | undefined, at: DocumentPath, path: DocumentPath): IssuerRules | undefined {
    const listed = [...issuers]
    const names = listed.map((rules) => rules.name)
    if (name === undefined) {
      if (listed.length === 1) return listed[0]
      // Without any issuer, a problem has already been reported for the service.
      if (listed.length > 1) complain('GH_POLICY_ISSUER', 'must name the issuer', path, `one of ${names.join(', ')}`)
      return undefined
    }
    const rules = listed.find((each) => each.name === name)
    if (rules !== undefined) return rules
    const message = `service ${id} does not accept tokens of an issuer ${name}`
    complain('GH_POLICY_ISSUER', message, at, didYouMean(name, names))
    return undefined
  }
}
