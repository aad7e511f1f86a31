import { isUtf8 } from 'node:buffer'
import { basename } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { readBytes } from '../config/file-bytes.ts'
import { policyFiles } from '../config/policy-files.ts'
import { ConfigError, nowhere, problem } from '../config/problem.ts'

/** Texts of the files of a policy for a call of the admin API. */
export interface PolicyTexts {
  readonly files: readonly { readonly name: string; readonly text: string }[]
  /** Path of each policy file on this machine, by file name, for messages. */
  readonly paths: ReadonlyMap<string, string>
}

/** File name that stands for a policy from standard input. */
const INPUT_NAME = 'policy.yaml'

/**
 * Reads the files of a policy, without validating their content.
 *
 * @param path  a file, a folder of *.yaml files, or `-` for standard input
 * @throws {ConfigError} when a file cannot be read or is not valid UTF-8
 */
export async function readPolicyTexts(path: string): Promise<PolicyTexts> {
  if (path === '-') {
    const text = textOf(await buffer(process.stdin), 'standard input')
    return { files: [{ name: INPUT_NAME, text }], paths: new Map([[INPUT_NAME, 'standard input']]) }
  }
  const read = policyFiles(path).map((file) => ({ file, name: basename(file), text: textOf(readBytes(file), file) }))
  return {
    files: read.map(({ name, text }) => ({ name, text })),
    paths: new Map(read.map(({ name, file }) => [name, file])),
  }
}

function textOf(bytes: Uint8Array, file: string): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString()
  throw new ConfigError([
    problem('GH_CONFIG_SYNTAX', 'the file is not valid UTF-8', [], { ...nowhere, file }, 'save the file in UTF-8'),
  ])
}
