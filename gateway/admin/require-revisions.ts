import type { RevisionService } from '../revisions/revision-service.ts'
import { ApiProblem } from './api-problem.ts'
import type { AdminDependencies } from './dependencies.ts'
import { requireRedis } from './require-redis.ts'

/**
 * Returns the revisions of the cluster's policy.
 *
 * @throws {ApiProblem} 409 when the policy of the node is not a revision of the cluster
 */
export function requireRevisions(dependencies: AdminDependencies): RevisionService {
  const { revisions } = requireRedis(dependencies)
  if (revisions !== undefined) return revisions
  throw new ApiProblem('policy_from_file', 'this node reads its policy from a file', {
    hint: 'change the file, or set policy.source: cluster in the settings of every node and worker',
  })
}
