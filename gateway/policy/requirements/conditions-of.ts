import type { RequirementTree } from './requirement-kind.ts'
import { kindsIn } from './requirement-kinds.ts'

/**
 * Returns the conditions of a requirement, one text each, to compare the requirements of two routes. A request must
 * meet all conditions.
 *
 * @param service  id of the service; role names are valid only within one service
 */
export function conditionsOf(tree: RequirementTree, service: string): readonly string[] {
  const context = { service, conditionsOf: (inner: RequirementTree) => conditionsOf(inner, service) }
  return kindsIn(tree).flatMap((kind) => kind.conditions(tree, context))
}
