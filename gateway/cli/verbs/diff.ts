import { z } from 'zod'
import { ConfigError } from '../../config/problem.ts'
import { compilePolicy } from '../../policy/compile.ts'
import { differenceOf } from '../../policy/difference/difference-of.ts'
import type { ComparedPolicy } from '../../policy/difference/policy-side.ts'
import { differenceLines } from '../difference-lines.ts'
import { CliError, exitCodes, type Output } from '../output.ts'
import { policyName, readPolicyArgument } from '../policy-argument.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse diff OLD NEW`: compares two policies by their effect. The verb changes nothing. */
export const verb = defineVerb({
  description: 'Compare two policies: which routes admit more or fewer requests, and which other values change',
  arguments: {
    old: z.string().register(flag, { help: 'policy to compare with: a file, a folder, or - for standard input' }),
    new: z.string().register(flag, { help: 'new policy: a file, a folder, or - for standard input' }),
  },
  examples: [
    { run: 'gatehouse diff policy.yaml new-policy.yaml', does: 'two files' },
    { run: 'git show main:policy.yaml | gatehouse diff - policy.yaml', does: 'the working copy with a branch' },
  ],
  exitCodes: {
    [exitCodes.done]: 'the policies have the same effect',
    [exitCodes.invalid]: 'the policies differ',
    [exitCodes.usage]: 'wrong usage, or a policy is invalid',
  },
  run: ({ old, new: path }, output) => diff(old, path, output),
})

async function diff(old: string, path: string, output: Output): Promise<number> {
  if (old === '-' && path === '-') {
    throw new CliError(exitCodes.usage, 'GH_USAGE', 'only one of the policies can be read from standard input')
  }
  let policies: readonly [NamedPolicy, NamedPolicy]
  try {
    policies = [await namedPolicy(old), await namedPolicy(path)]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    // Exit code 1 means that the policies differ, so an invalid policy needs another code.
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
