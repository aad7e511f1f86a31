import { z } from 'zod'
import { ConfigError } from '../../config/problem.ts'
import { compilePolicy } from '../../policy/compile.ts'
import { differenceOf } from '../../policy/difference/difference-of.ts'
import type { ComparedPolicy } from '../../policy/difference/policy-side.ts'
import { AdminClient, adminFlag } from '../admin-client.ts'
import { differenceLines } from '../difference-lines.ts'
import { CliError, exitCodes, type Output } from '../output.ts'
import { policyName, readPolicyArgument } from '../policy-argument.ts'
import { comparePolicies, printProblems, revisionFlag, withPolicyErrors } from '../policy-change.ts'
import { readPolicyTexts } from '../policy-texts.ts'
import { defineVerb, flag } from '../verb.ts'

/**
 * `gatehouse diff [OLD] NEW`: compares two policies by their effect, or a policy with a revision of the cluster policy.
 * The verb changes nothing.
 */
export const verb = defineVerb({
  description: 'Compare two policies: which routes admit more or fewer requests, and which other values change',
  arguments: {
    path: z.string().register(flag, { help: 'policy: a file, a folder, or - for standard input' }),
    new: z.string().optional().register(flag, {
      help: 'new policy; without it, path is the new policy and is compared with the active revision',
    }),
  },
  flags: {
    from: revisionFlag
      .optional()
      .register(flag, { value: 'number', help: 'with one path: revision to compare with (default: the active one)' }),
    only: z
      .string()
      .optional()
      .register(flag, { value: 'service', help: 'with one path: compare a change of only this service' }),
    admin: adminFlag,
  },
  examples: [
    { run: 'gatehouse diff policy.yaml', does: 'the file with the active revision of the cluster' },
    { run: 'git show main:policy.yaml | gatehouse diff - policy.yaml', does: 'the working copy with a branch' },
  ],
  exitCodes: {
    [exitCodes.done]: 'the policies have the same effect',
    [exitCodes.invalid]: 'the policies differ',
    [exitCodes.usage]: 'wrong usage, or a policy is invalid',
    [exitCodes.unreachable]: 'with one path: no node replied, or the node could not reach Redis',
  },
  run: ({ path, new: after, from, only, admin }, output) => {
    if (after === undefined) return diffFromRevision(path, { from, only, admin }, output)
    if (from !== undefined || only !== undefined) {
      throw new CliError(exitCodes.usage, 'GH_USAGE', '--from and --only require exactly one path', onePathHint)
    }
    return diff(path, after, output)
  },
})

const onePathHint = 'give one path to compare it with the cluster, or omit these flags to compare two paths'
const pipeHint = 'name the file or folder of the other policy'

/**
 * Compares a policy with a revision of the cluster. Exit code 1 means that they differ, so a refused policy has exit
 * code 2.
 */
async function diffFromRevision(
  path: string,
  { from, only, admin }: Readonly<Record<'from' | 'only' | 'admin', string | undefined>>,
  output: Output,
): Promise<number> {
  const client = AdminClient.from(admin)
  const { files, paths } = await readPolicyTexts(path)
  return withPolicyErrors(output, { paths, refused: exitCodes.usage }, async () => {
    const body = { files, only, from: from === undefined ? undefined : Number(from) }
    const difference = await comparePolicies(client, body, output)
    printProblems(difference.not_granted ?? [], paths, output)
    output.document(difference)
    return difference.equal ? exitCodes.done : exitCodes.invalid
  })
}

async function diff(old: string, path: string, output: Output): Promise<number> {
  if (old === '-' && path === '-') {
    throw new CliError(
      exitCodes.usage,
      'GH_USAGE',
      'only one of the policies can be read from standard input',
      pipeHint,
    )
  }
  let policies: readonly [NamedPolicy, NamedPolicy]
  try {
    policies = [await namedPolicy(old), await namedPolicy(path)]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    // Report an invalid policy with exit code 2, because exit code 1 of `gatehouse diff` means that the policies
    // differ.
    output.problems(error.problems)
    return exitCodes.usage
  }
  const [before, after] = policies
  const difference = differenceOf(before, after)
  for (const line of differenceLines(difference)) output.line(line)
  output.document({ old: identified(before), new: identified(after), ...difference })
  return difference.equal ? exitCodes.done : exitCodes.invalid
}

interface NamedPolicy extends ComparedPolicy {
  readonly name: string
}

async function namedPolicy(path: string): Promise<NamedPolicy> {
  const source = await readPolicyArgument(path)
  return { name: policyName(path), document: source.document, snapshot: compilePolicy(source) }
}

function identified({ name, snapshot }: NamedPolicy): object {
  return { path: name, revision: snapshot.revision }
}
