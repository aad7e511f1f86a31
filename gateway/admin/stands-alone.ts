import { ApiProblem } from './api-problem.ts'
import type { AdminDependencies, SharedDependencies } from './dependencies.ts'

/** @throws {ApiProblem} 409 when the node runs without Redis */
export function sharedParts({ shared }: AdminDependencies): SharedDependencies {
  if (shared !== undefined) return shared
  throw new ApiProblem('cluster_unavailable', 'this node stands alone: it shares nothing with other nodes', {
    hint: 'set redis.url on every node',
  })
}
