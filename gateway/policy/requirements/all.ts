import { z } from 'zod'
import type { Denial } from '../../base/denial.ts'
import type { DocumentPath } from '../../config/problem.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { requirementKind, withoutCondition } from './requirement-kind.ts'

export const all = requirementKind({
  key: 'all',
  schema: (requirement) =>
    z
      .array(requirement)
      .min(1)
      .describe('Met when every requirement of the list is met. The first unmet requirement determines the reply.'),
  // Reasons: empty, because `all` returns the denial of its first unmet sub-requirement and makes no denial itself.
  reasons: [],
  compile: (trees, { path, compile }) =>
    trees.length === 0 ? withoutCondition(path) : new All(trees.map((tree, i) => compile(tree, [...path, i]))),
  print: (trees, { print }) => trees.map(print),
  conditions: (trees, { conditionsOf }) => trees.flatMap(conditionsOf),
})

/** Combines the requirements of one policy key. A single requirement is returned as it is; several must all be met. */
export function allOf(requirements: readonly Requirement[], path: DocumentPath): Requirement {
  if (requirements.length === 0) withoutCondition(path)
  return requirements.length === 1 ? requirements[0]! : new All(requirements)
}

/**
 * Requirement that is met when all its sub-requirements are met. The denial is the denial of the first unmet
 * sub-requirement.
 */
class All implements Requirement {
  readonly demand = 'all of'
  readonly reason = 'requirement-unmet'
  readonly subRequirements: readonly Requirement[]

  constructor(subRequirements: readonly Requirement[]) {
    this.subRequirements = subRequirements
  }

  evaluate(input: RequirementInput): Denial | undefined {
    for (const requirement of this.subRequirements) {
      const denied = requirement.evaluate(input)
      if (denied !== undefined) return denied
    }
    return undefined
  }
}
