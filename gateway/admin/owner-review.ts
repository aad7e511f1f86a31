import { findPath } from '../config/find-path.ts'
import type { Place } from '../config/problem.ts'
import { ownerRefusals } from '../policy/owners/owner-refusals.ts'
import { type PolicyText, type Revision, sourceOf } from '../revisions/revision.ts'
import { ApiProblem } from './api-problem.ts'
import { comparedFiles, comparedRevision } from './compared-revision.ts'
import type { SharedDependencies } from './dependencies.ts'
import { withValidPolicy } from './policy-outcome.ts'

/** A change of one service of the policy, ordered by the owner of the service. */
export interface OwnerChange {
  readonly service: string
  readonly active: Revision
  /** Content of all policy files after the owner's change. */
  readonly files: readonly PolicyText[]
}

/** A part of a policy change that the rights of the service's owner do not allow. */
export interface OwnerProblem extends Place {
  readonly code: 'GH_POLICY_NOT_GRANTED'
  readonly message: string
  readonly path: string
  readonly hint: string
}

/**
 * Lists the parts of a policy change that the rights of the service's owner do not allow, each with its place in the
 * files.
 *
 * @throws {ApiProblem} 422 when the policy is invalid
 */
export function problemsOfOwner(
  { service, active, files }: OwnerChange,
  { policyOwners }: Pick<SharedDependencies, 'policyOwners'>,
): OwnerProblem[] {
  const grant = Object.hasOwn(policyOwners, service) ? policyOwners[service] : undefined
  const { before, after, locate } = withValidPolicy(() => {
    return { before: comparedRevision(active), after: comparedFiles(files), locate: sourceOf(files, '').locate }
  })
  return ownerRefusals(before, after, service, grant).map(({ place, what, remedy }) => ({
    code: 'GH_POLICY_NOT_GRANTED',
    message: what,
    path: place,
    ...locate(findPath(after.document, place)),
    hint: remedy,
  }))
}

/**
 * Refuses a policy change that the rights of the service's owner do not allow.
 *
 * @throws {ApiProblem} 403 with all parts of the change that are not allowed, 422 when the policy is invalid
 */
export function requireOwnerChange(change: OwnerChange, dependencies: Pick<SharedDependencies, 'policyOwners'>): void {
  const problems = problemsOfOwner(change, dependencies)
  if (problems.length === 0) return
  const { service } = change
  const detail = `the owner of service ${service} may not make this change (${problems.length} ${problems.length === 1 ? 'reason' : 'reasons'})`
  throw new ApiProblem('policy_not_granted', detail, { members: { problems } })
}
