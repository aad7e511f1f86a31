import { basename } from 'node:path'
import { memberId } from '../cluster/member.ts'
import { findPath } from '../config/find-path.ts'
import { ConfigError, type Problem } from '../config/problem.ts'
import type { PolicyDifference } from '../policy/difference/policy-difference.ts'
import { type PolicyText, sourceOf } from '../revisions/revision.ts'
import type { PolicyOutcome } from '../revisions/revision-service.ts'
import type { VoteProblem } from '../revisions/vote.ts'
import { ApiProblem } from './api-problem.ts'
import type { Done } from './operation.ts'

/**
 * Converts the outcome of a policy change into the reply to the admin API call.
 *
 * @param about  `files`: files of the policy, in which the places of errors are found; `meanwhile`: changes since the
 *   revision that the caller compared its policy with, if they are known
 * @param note   further fields for the log line and the audit record of the call
 * @throws {ApiProblem} 409 or 422 when nothing was changed
 */
export function policyReply(
  outcome: PolicyOutcome,
  about: { readonly files: readonly PolicyText[]; readonly meanwhile?: PolicyDifference | undefined },
  note: NonNullable<Done['note']>,
): Done {
  switch (outcome.outcome) {
    case 'activated': {
      const { receipt } = outcome
      const { number, sequence, acknowledged, missing } = receipt
      const counts = { number, sequence, acknowledged: acknowledged.length, missing }
      const document = { outcome: 'activated', ...receipt }
      return { status: missing.length === 0 ? 200 : 202, document, note: { ...note, ...counts } }
    }
    case 'started': {
      const { receipt, canary } = outcome
      const { number, sequence, acknowledged, missing } = receipt
      const nodes = canary.members.map(memberId)
      const counts = { number, sequence, canary: nodes, acknowledged: acknowledged.length, missing }
      const document = { outcome: 'started', ...receipt, canary_nodes: nodes }
      return { status: missing.length === 0 ? 200 : 202, document, note: { ...note, ...counts } }
    }
    case 'rollout':
      throw new ApiProblem('rollout_running', `a rollout of revision ${outcome.number} is running`, {
        members: { number: outcome.number },
        hint: 'wait for its end, or end it with `gatehouse rollout promote` or `gatehouse rollout abort`',
      })
    case 'no-canary': {
      const { problems } = outcome
      throw new ApiProblem(
        'canary_refused',
        'no canary of this policy is possible: the cluster cannot try the policy on some nodes first',
        {
          members: { problems },
        },
      )
    }
    case 'unchanged':
      return { status: 200, document: outcome, note: { ...note, unchanged: outcome.number } }
    case 'conflict':
      if (outcome.isUnreadable) {
        throw new ApiProblem('policy_conflict', 'Redis has a policy activation that this node cannot read', {
          members: { active: outcome.number, since: [] },
          hint: 'add the keys of the other nodes to keys.policy, or upgrade this node; a node replaces a forged activation within 15 s',
        })
      }
      throw new ApiProblem('policy_conflict', `revision ${outcome.number} is active now`, {
        members: { active: outcome.number, since: outcome.since, difference: about.meanwhile },
        hint: 'compare the policy with the active revision again',
      })
    case 'invalid':
      throw invalidPolicy(outcome.problems)
    case 'rejected': {
      const { document, locate } = sourceOf(about.files, '')
      // A node that lacks a secret reports only the policy path of the reference to the secret: find the position of
      // this path in the files.
      const located = (problem: VoteProblem): VoteProblem =>
        problem.file !== undefined || problem.path === undefined
          ? statedProblem(problem)
          : { ...problem, ...locate(findPath(document, problem.path)) }
      const objections = outcome.objections.map(({ node, problems }) => ({ node, problems: problems.map(located) }))
      const nodes = objections.map(({ node }) => node).join(', ')
      throw new ApiProblem('policy_rejected', `these nodes cannot enforce the policy: ${nodes}`, {
        members: { objections },
      })
    }
  }
}

/**
 * Runs `work`, which reads or compiles a policy that the caller sent.
 *
 * @throws {ApiProblem} 422 when the policy is invalid
 */
export function withValidPolicy<Result>(work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw error instanceof ConfigError ? invalidPolicy(error.problems) : error
  }
}

function invalidPolicy(problems: readonly Problem[]): ApiProblem {
  const detail = `the policy is invalid (${problems.length} ${problems.length === 1 ? 'error' : 'errors'})`
  return new ApiProblem('policy_invalid', detail, { members: { problems: problems.map(statedProblem) } })
}

/**
 * In a policy problem, replaces the path of the file by the file name that the caller sent: a node reads the files as
 * if they were in its policy folder.
 */
function statedProblem({ file, ...rest }: VoteProblem): VoteProblem {
  return { ...rest, ...(file !== undefined && { file: basename(file) }) }
}
