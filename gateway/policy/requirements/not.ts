import { type Denial, denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { requirementKind } from './requirement-kind.ts'

const unmet = denial('requirement-unmet')

export const not = requirementKind({
  key: 'not',
  // Call `readonly` before `describe`: it wraps the recursive schema. `describe` on the recursive schema itself would
  // copy that schema again and again, without end.
  schema: (requirement) => requirement.readonly().describe('Met when the nested requirement is not met.'),
  reasons: ['requirement-unmet'],
  compile: (tree, { path, negated, compile }) => new Not(compile(tree, path, !negated)),
  print: (tree, { print }) => print(tree),
})

/** Requirement `not`: it is met when its sub-requirement is not met. */
class Not implements Requirement {
  readonly demand = 'not'
  readonly reason = 'requirement-unmet'
  readonly subRequirements: readonly [Requirement]

  constructor(requirement: Requirement) {
    this.subRequirements = [requirement]
  }

  evaluate(input: RequirementInput): Denial | undefined {
    return this.subRequirements[0].evaluate(input) === undefined ? unmet : undefined
  }
}
