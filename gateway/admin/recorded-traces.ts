import { ApiProblem } from './api-problem.ts'
import type { AdminDependencies, TraceDependencies } from './dependencies.ts'
import { requireRedis } from './require-redis.ts'

/**
 * Returns the stored traces of the node.
 *
 * @throws {ApiProblem} 409 when traces are not stored, or the node has no Redis to store them
 */
export function recordedTraces(dependencies: AdminDependencies): TraceDependencies {
  if (dependencies.traces !== undefined) return dependencies.traces
  // Report a missing Redis first, because without Redis a node cannot store traces.
  requireRedis(dependencies)
  throw new ApiProblem('traces_not_kept', 'this node stores no traces', {
    hint: 'set telemetry.traces in the settings of every node, with telemetry.traces.recent above 0',
  })
}
