import type { RequirementTree } from './requirement-kind.ts'
import { kindsIn } from './requirement-kinds.ts'

/**
 * Returns the conditions that a request must all meet, one text each, to compare the requirements of two routes.
 *
 * @param service  id of the service; role names are valid only within it
 */
export function conditionsOf(tree: RequirementTree, service: string): readonly string[] {
  const context = { service, conditionsOf: (inner: RequirementTree) => conditionsOf(inner, service) }
  return kindsIn(tree).flatMap((kind) => kind.conditions(tree, context))
}
