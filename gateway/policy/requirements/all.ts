import type { Denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'

/** Met when every part is met. The first unmet part determines the denial. */
export class All implements Requirement {
  readonly demand = 'all of'
  readonly reason = 'requirement-unmet'
  readonly parts: readonly Requirement[]

  constructor(parts: readonly Requirement[]) {
    this.parts = parts
  }

  evaluate(input: RequirementInput): Denial | undefined {
    for (const part of this.parts) {
      const denied = part.evaluate(input)
      if (denied !== undefined) return denied
    }
    return undefined
  }
}
