import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { readBytes, unreadable } from './file-bytes.ts'
import { ConfigError, nowhere, problem } from './problem.ts'
import { referredVariables } from './secret.ts'
import { readYaml } from './yaml-document.ts'

const folderHint = 'add a policy file; names that begin with a dot or end in .yml do not count'

/**
 * Lists the files of a policy, sorted by name: the file itself, or the `*.yaml` files of a folder.
 *
 * @throws {ConfigError} when the path cannot be read or the folder has no `*.yaml` file
 */
export function policyFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    // Skip names that start with a dot: a mounted Kubernetes ConfigMap has hidden entries beside its policy files.
    const names = readdirSync(path).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'))
    if (names.length > 0) return names.sort().map((name) => join(path, name))
  } catch (error) {
    throw unreadable(path, error)
  }
  throw new ConfigError([
    problem('GH_CONFIG_UNREADABLE', 'the folder contains no *.yaml file', [], { ...nowhere, file: path }, folderHint),
  ])
}

/**
 * Returns which of the environment variables `names` the policy refers to by `{ env: NAME }`. When the policy cannot be
 * read, the set is empty. Parses only the files whose text contains one of the names, because the YAML of 10,000 routes
 * takes seconds to parse.
 */
export function variablesInPolicy(path: string, names: readonly string[]): Set<string> {
  const found = new Set<string>()
  try {
    for (const file of policyFiles(path)) {
      const bytes = readBytes(file)
      if (names.some((name) => bytes.includes(name))) referredVariables(readYaml(bytes, file).value, found)
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
  }
  return found
}
