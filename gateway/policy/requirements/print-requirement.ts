import type { RequirementTree } from './requirement-kind.ts'
import { kindsIn } from './requirement-kinds.ts'

/**
 * Formats a requirement as a policy states it, with every default.
 *
 * @param soleIssuer  name of the issuer that a requirement means when it names none
 */
export function printRequirement(tree: RequirementTree, soleIssuer: string | undefined): object {
  const print = (inner: RequirementTree) => printRequirement(inner, soleIssuer)
  return Object.assign({}, ...kindsIn(tree).map((kind) => kind.print(tree, { soleIssuer, print })))
}
