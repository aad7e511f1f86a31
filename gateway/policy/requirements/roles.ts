import { type Denial, denial } from '../../base/denial.ts'
import { isUnknownClaim } from '../../oauth/identity-claims.ts'
import { roleName } from '../role-name.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { conditionsOfNames, containsNames, formatLists, type NamedSet, namedSet, namesIn } from './names.ts'
import { requirementKind } from './requirement-kind.ts'

const missing = denial('role-missing')

export const roles = requirementKind({
  key: 'roles',
  schema: namedSet(roleName).describe('Roles that the service maps from claims, under `roles` of the service.'),
  reasons: ['role-missing'],
  compile(names, context) {
    const claims = namesIn(names).map((role) => context.names.roleNamed(role, context.path))
    return new Roles(names, context.negated ? claims.filter((claim) => claim !== undefined) : [])
  },
  conditions: (names, { service }) => conditionsOfNames(`roles of ${service}`, names),
})

/**
 * Requirement that is met by roles of the caller. The service maps roles from claims. Denies 403 `forbidden` without a
 * challenge, because another token would not help.
 *
 * Inside an odd number of `not`, the requirement counts as met while the gate does not know the claim of a role for a
 * session.
 */
class Roles implements Requirement {
  readonly demand: string
  readonly reason = 'role-missing'
  readonly subRequirements = []
  readonly #names: NamedSet

  readonly #deciding: readonly string[]

  /**
   * @param deciding  names of the claims from which the roles are mapped, for a requirement inside an odd number of
   *   `not`; else empty
   */
  constructor(names: NamedSet, deciding: readonly string[]) {
    this.demand = `roles ${formatLists(names)}`
    this.#names = names
    this.#deciding = deciding
  }

  evaluate({ roles, token }: RequirementInput): Denial | undefined {
    if (containsNames(roles, this.#names)) return undefined
    return this.#deciding.some((name) => isUnknownClaim(token.claims, name)) ? undefined : missing
  }
}
