import type { Rollouts } from '../revisions/rollouts.ts'
import type { AdminDependencies } from './dependencies.ts'
import { requireRedis } from './require-redis.ts'
import { requireRevisions } from './require-revisions.ts'

/**
 * Returns the rollouts of the cluster's policy.
 *
 * @throws {ApiProblem} 409 when the policy of the node is not a revision of the cluster
 */
export function requireRollouts(dependencies: AdminDependencies): Rollouts {
  requireRevisions(dependencies)
  return requireRedis(dependencies).rollouts!
}
