import { buffer } from 'node:stream/consumers'
import { loadPolicy, type PolicySource, readPolicy } from '../policy/policy-source.ts'

/** Returns the name of a policy from the command line, for messages. */
export function policyName(path: string): string {
  return path === '-' ? 'standard input' : path
}

/**
 * Reads a policy from its path or from standard input. Standard input is read as a stream, because `readFileSync` fails
 * with EAGAIN while the pipe is empty.
 *
 * @throws {ConfigError} with all problems of the policy
 */
export async function readPolicyArgument(path: string): Promise<PolicySource> {
  if (path !== '-') return loadPolicy(path)
  return readPolicy([{ file: policyName(path), bytes: await buffer(process.stdin) }])
}
