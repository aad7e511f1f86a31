import { type Denial, denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { containsNames, formatLists } from './names.ts'
import type { NamedSet } from './requirement-entry.ts'

const missing = denial('role-missing')

/** Met by roles that the service maps from claims. Denies 403 `forbidden`: no other token would help. */
export class Roles implements Requirement {
  readonly demand: string
  readonly reason = 'role-missing'
  readonly parts = []
  readonly #names: NamedSet

  constructor(names: NamedSet) {
    this.demand = `roles ${formatLists(names)}`
    this.#names = names
  }

  evaluate({ roles }: RequirementInput): Denial | undefined {
    return containsNames(roles, this.#names) ? undefined : missing
  }
}
