import { ApiProblem } from './api-problem.ts'

/** @throws {ApiProblem} 409 where the node has no part that only a cluster has */
export function ofCluster<T>(part: T | undefined): T {
  if (part !== undefined) return part
  throw new ApiProblem('cluster_unavailable', 'this node stands alone: it shares nothing with other nodes', {
    hint: 'set redis.url on every node',
  })
}
