import { z } from 'zod'
import type { Problem } from '../config/problem.ts'
import type { PolicyDifference } from '../policy/difference/policy-difference.ts'
import { type AdminClient, AdminRefusal } from './admin-client.ts'
import { differenceLines } from './difference-lines.ts'
import { CliError, type ExitCode, exitCodes, type Output } from './output.ts'
import { printAcknowledgements } from './receipt-text.ts'
import { flag } from './verb.ts'
import { waitFlags } from './wait-flag.ts'

const revisionNumber = /^[1-9][0-9]{0,8}$/

/** @throws {CliError} when the argument of a verb is not the number of a revision */
export function requireRevisionNumber(argument: string): void {
  if (revisionNumber.test(argument)) return
  const message = 'the argument must be the number of a revision'
  throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'gatehouse revisions lists the revisions with their numbers')
}

/** Schema of a flag whose value is the number of a policy revision. */
export const revisionFlag = z.string().regex(revisionNumber, { error: 'must be the number of a revision' })

/** Flags of every verb that changes the policy of the cluster. */
export const changeFlags = {
  message: z
    .string()
    .optional()
    .register(flag, { value: 'text', help: 'reason of the change, stored in the revision' }),
  ...waitFlags('10s'),
}

/** Exit codes of every verb that changes the policy of the cluster. */
export const changeExitCodes = {
  [exitCodes.done]: 'every node enforces the policy, or the policy is active already',
  [exitCodes.invalid]: 'refused: nothing was changed',
  [exitCodes.unreachable]: 'no node replied, or the node could not reach Redis',
  [exitCodes.partly]: 'the policy is active, but some nodes have not acknowledged. Usual with --no-wait',
} as const

export interface ComparedDocument extends PolicyDifference {
  /** Number of the revision with which the command compared the policy. */
  readonly from: number
  /**
   * For a caller who is the owner of one service: the parts of the change that the owner may not make. Absent for other
   * callers.
   */
  readonly not_granted?: readonly StatedProblem[]
}

type ChangeDocument =
  | {
      readonly outcome: 'activated'
      readonly number: number
      readonly acknowledged: readonly { readonly node: string; readonly ms: number }[]
      readonly missing: readonly string[]
      readonly fenced_by: string
      readonly not_fenced: readonly string[]
    }
  | { readonly outcome: 'unchanged'; readonly number: number }

/** Compares a policy with a revision of the cluster, by the admin API, and prints the difference for people. */
export async function comparePolicies(client: AdminClient, body: object, output: Output): Promise<ComparedDocument> {
  const { document } = await client.call('POST', '/api/v1/policy/diff', 'equal', body)
  const difference = document as unknown as ComparedDocument
  for (const line of differenceLines(difference)) output.line(line)
  return difference
}

/** Changes the policy of the cluster by a call of the admin API, and prints the receipt. */
export async function activatePolicy(
  client: AdminClient,
  call: { readonly path: string; readonly body: { readonly wait_ms: number }; readonly difference: ComparedDocument },
  output: Output,
): Promise<ExitCode> {
  const { path, body, difference } = call
  const { document } = await client.call('POST', path, 'outcome', body)
  const change = document as unknown as ChangeDocument
  output.document({ ...change, difference })
  if (change.outcome === 'unchanged') {
    output.line(`Nothing changed: revision ${change.number} is active and has the same files.`)
    return exitCodes.done
  }
  const { number, missing, fenced_by, not_fenced } = change
  output.line('')
  printAcknowledgements(change, body.wait_ms > 0, output)
  output.line(`Revision ${number} is active.`)
  if (missing.length === 0) return exitCodes.done
  output.line(`Nodes that have not acknowledged enforce revision ${number} from ${fenced_by} on, or reject requests.`)
  if (not_fenced.length > 0) {
    const routes = not_fenced.join(', ')
    output.line(`A node without contact to Redis continues to serve these routes by its last revision: ${routes}.`)
  }
  return exitCodes.partly
}

/**
 * Runs the work of a verb that concerns the policy of the cluster. When the policy is refused, prints every error with
 * its place.
 *
 * @param paths    path on this machine by the name of a file of the policy
 * @param refused  exit code when the policy is refused
 */
export async function withPolicyErrors(
  output: Output,
  { paths, refused }: { readonly paths?: ReadonlyMap<string, string>; readonly refused: ExitCode },
  work: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof AdminRefusal)) throw error
    const { problems = [], objections = [], since = [], difference } = error.document as RefusalDocument
    printProblems(problems, paths, output)
    for (const { node, problems: ofNode } of objections) {
      const stated = ofNode.map((each) => ({ ...each, message: `node ${node}: ${each.message}` }))
      printProblems(stated, paths, output)
    }
    for (const { number, author, time, message } of since) {
      output.remark(`revision ${number}: ${time} ${author}${message === '' ? '' : `: ${message}`}`)
    }
    if (difference !== undefined) {
      output.remark('changes meanwhile:')
      for (const line of differenceLines(difference)) output.remark(`  ${line}`)
    }
    output.document(error.document)
    output.error(error)
    return error.exitCode === exitCodes.invalid ? refused : error.exitCode
  }
}

/**
 * Prints problems of a policy with their places on this machine.
 *
 * @param paths  paths of the policy files on this machine, by file name
 */
export function printProblems(
  problems: readonly StatedProblem[],
  paths: ReadonlyMap<string, string> | undefined,
  output: Output,
): void {
  output.problems(problems.map(({ file, ...rest }) => complete({ ...rest, file: file && (paths?.get(file) ?? file) })))
}

type StatedProblem = Partial<Omit<Problem, 'message' | 'code'>> & { readonly message: string; readonly code?: string }

interface RefusalDocument {
  readonly problems?: readonly StatedProblem[]
  readonly objections?: readonly { readonly node: string; readonly problems: readonly StatedProblem[] }[]
  readonly since?: readonly {
    readonly number: number
    readonly author: string
    readonly time: string
    readonly message: string
  }[]
  /** Changes of the cluster policy since the revision with which the command compared its policy. */
  readonly difference?: PolicyDifference
}

function complete({ code = 'GH_POLICY_REJECTED', message, path = '', file, line, column, hint }: StatedProblem) {
  return { code, message, path, file, line, column, hint }
}
