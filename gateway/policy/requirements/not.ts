import { type Denial, denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'

const unmet = denial('requirement-unmet')

/** Met when its part is not met. */
export class Not implements Requirement {
  readonly demand = 'not'
  readonly reason = 'requirement-unmet'
  readonly parts: readonly [Requirement]

  constructor(part: Requirement) {
    this.parts = [part]
  }

  evaluate(input: RequirementInput): Denial | undefined {
    return this.parts[0].evaluate(input) === undefined ? unmet : undefined
  }
}
