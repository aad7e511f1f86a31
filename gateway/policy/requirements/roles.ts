import { type Denial, denial } from '../../base/denial.ts'
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
    for (const role of namesIn(names)) context.names.roleNamed(role, context.path)
    return new Roles(names)
  },
  conditions: (names, { service }) => conditionsOfNames(`roles of ${service}`, names),
})

/**
 * Requirement that is met by roles, which the service maps from claims. Denies 403 `forbidden` without a challenge,
 * because another token would not help.
 */
class Roles implements Requirement {
  readonly demand: string
  readonly reason = 'role-missing'
  readonly subRequirements = []
  readonly #names: NamedSet

  constructor(names: NamedSet) {
    this.demand = `roles ${formatLists(names)}`
    this.#names = names
  }

  evaluate({ roles }: RequirementInput): Denial | undefined {
    return containsNames(roles, this.#names) ? undefined : missing
  }
}
