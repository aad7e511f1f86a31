import { ApiProblem } from './api-problem.ts'
import type { AdminDependencies, SharedDependencies } from './dependencies.ts'

/**
 * Returns those dependencies of admin operations that only a node with Redis has.
 *
 * @throws {ApiProblem} 409 when the node runs without Redis
 */
export function requireRedis({ shared }: AdminDependencies): SharedDependencies {
  if (shared !== undefined) return shared
  throw new ApiProblem('cluster_unavailable', 'this node runs without Redis and is not part of a cluster', {
    hint: 'set redis.url in the settings of every node',
  })
}
