import type { Problem } from '../config/problem.ts'
import { literalSegments } from './literal-segments.ts'
import type { PolicySource } from './policy-source.ts'
import type { Snapshot } from './snapshot.ts'
import { weakerRoutes } from './weaker-routes.ts'

/**
 * Finds entries of a valid policy that probably do not do what their author wants.
 *
 * @param snapshot  snapshot compiled from `source`
 */
export function policyWarnings(source: PolicySource, snapshot: Snapshot): Problem[] {
  return [...weakerRoutes(source, snapshot), ...literalSegments(source)]
}
