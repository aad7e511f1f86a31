import type { RequirementTree } from './requirement-kind.ts'
import { kindsIn } from './requirement-kinds.ts'

/**
 * Formats a requirement as a policy states it, with every default filled in.
 *
 * @param soleIssuer  name of the service's only issuer, which is printed in a requirement that names no issuer;
 *   `undefined` if the service has no issuer or several
 */
export function printRequirement(tree: RequirementTree, soleIssuer: string | undefined): object {
  const print = (inner: RequirementTree) => printRequirement(inner, soleIssuer)
  return Object.assign({}, ...kindsIn(tree).map((kind) => kind.print(tree, { soleIssuer, print })))
}
