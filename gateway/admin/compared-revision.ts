import { ConfigError } from '../config/problem.ts'
import { compilePolicy } from '../policy/compile.ts'
import { differenceOf } from '../policy/difference/difference-of.ts'
import type { PolicyDifference } from '../policy/difference/policy-difference.ts'
import type { ComparedPolicy } from '../policy/difference/policy-side.ts'
import { type PolicyText, type Revision, sourceOf } from '../revisions/revision.ts'
import type { RevisionService } from '../revisions/revision-service.ts'
import { ApiProblem } from './api-problem.ts'

/**
 * Compiles a policy for a comparison with another policy. Reads no secrets.
 *
 * @throws {ConfigError} with all problems of the policy
 */
export function comparedFiles(files: readonly PolicyText[]): ComparedPolicy {
  const source = sourceOf(files, '')
  return { document: source.document, snapshot: compilePolicy(source) }
}

/**
 * Compiles a stored revision of the cluster policy for a comparison with another policy.
 *
 * @throws {ApiProblem} 422 when this version of Gatehouse does not accept the revision
 */
export function comparedRevision({ number, files }: Revision): ComparedPolicy {
  try {
    return comparedFiles(files)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new ApiProblem(
      'policy_invalid',
      `revision ${number} of the policy is invalid for this version of Gatehouse`,
      {
        members: { problems: error.problems },
      },
    )
  }
}

/**
 * Compares an earlier revision of the policy with the active revision. Returns `undefined` when Redis no longer stores
 * the earlier revision, or when this version of Gatehouse does not accept it.
 *
 * @throws {RedisFault} as a rejection
 */
export async function changesSince(service: RevisionService, number: number): Promise<PolicyDifference | undefined> {
  const revision = await service.find(number)
  if (revision === undefined) return undefined
  try {
    return differenceOf(comparedFiles(revision.files), comparedFiles(service.active.revision.files))
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}
