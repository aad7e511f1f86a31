import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readBytes, unreadable } from './file-bytes.ts'
import { ConfigError, nowhere, problem } from './problem.ts'
import { referredVariables } from './secret.ts'
import { readYaml } from './yaml-document.ts'

/**
 * Lists the files of a policy by name: the file itself, or the `*.yaml` files of a folder.
 *
 * @throws {ConfigError} when the path cannot be read or the folder has no such file
 */
export function policyFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    // A mounted ConfigMap has hidden folders beside its files.
    const names = readdirSync(path).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'))
    if (names.length > 0) return names.sort().map((name) => join(path, name))
  } catch (error) {
    throw unreadable(path, error)
  }
  throw new ConfigError([
    problem('GH_CONFIG_UNREADABLE', 'the folder holds no *.yaml file', [], { ...nowhere, file: path }),
  ])
}

/**
 * Returns the variables that `{ env: NAME }` refers to anywhere in a policy; an empty set when the policy cannot be
 * read.
 */
export function variablesInPolicy(path: string): Set<string> {
  const names = new Set<string>()
  try {
    for (const file of policyFiles(path)) referredVariables(readYaml(readBytes(file), file).value, names)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
  }
  return names
}
