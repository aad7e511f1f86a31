import type { DocumentPath } from '../../config/problem.ts'
import type { Requirement } from '../snapshot.ts'
import { type RequirementNames, type RequirementTree, withoutCondition } from './requirement-kind.ts'
import { kindsIn } from './requirement-kinds.ts'

/**
 * Compiles a requirement together with the denials that it can return.
 *
 * @param negated  true inside an odd number of `not`
 */
export function compileRequirement(
  tree: RequirementTree,
  path: DocumentPath,
  names: RequirementNames,
  negated = false,
): Requirement {
  const [kind] = kindsIn(tree)
  if (kind === undefined) return withoutCondition(path)
  return kind.compile(tree, {
    path,
    negated,
    names,
    compile: (inner, at, innerNegated = negated) => compileRequirement(inner, at, names, innerNegated),
  })
}
