import { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import { nowhere, type Problem, problem } from './problem.ts'
import { leavesOf } from './schema-walk.ts'
import type { Environment } from './secret.ts'
import { settingsSchema } from './settings-schema.ts'
import { readYaml } from './yaml-document.ts'

const prefix = 'GATEHOUSE_'

/** All settings by environment variable: `GATEHOUSE_` and the path in upper case, joined by `_`. */
const variables = new Map(
  [...leavesOf(settingsSchema)].map(([path, schema]) => [variableOf(path), { path, form: formOf(schema) }] as const),
)

/** Variables that Kubernetes sets in every pod next to a service whose name starts with gatehouse. */
const serviceLink = /^GATEHOUSE_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$/
/** Variables that the command line and the demo read. */
const foreign = /^GATEHOUSE_(?:ADMIN_URL|ADMIN_TOKEN|ADMIN_TOKEN_FILE|DEMO_.*)$/

/** A setting from the environment, not yet validated. */
export interface Variable {
  readonly name: string
  readonly path: readonly string[]
  readonly value: unknown
}

export function variableOf(path: readonly string[]): string {
  return prefix + path.join('_').toUpperCase()
}

/**
 * Chooses how a variable is parsed. Texts are taken literally, so that a name of digits stays a text. Numbers,
 * booleans, lists and mappings are parsed as YAML.
 */
function formOf(schema: z.core.$ZodType): 'text' | 'yaml' | 'text or list' {
  if (schema instanceof z.ZodUnion) return 'text or list'
  return schema instanceof z.ZodNumber ||
    schema instanceof z.ZodBoolean ||
    schema instanceof z.ZodArray ||
    schema instanceof z.ZodRecord
    ? 'yaml'
    : 'text'
}

/**
 * Reads the settings in the environment. An empty variable counts as unset, because compose files leave empty
 * variables.
 */
export function readVariables(env: Environment): { variables: Variable[]; problems: Problem[] } {
  const found: Variable[] = []
  const problems: Problem[] = []
  for (const [name, { path, form }] of variables) {
    const text = Object.hasOwn(env, name) ? env[name] : undefined
    if (text === undefined || text === '') continue
    if (form === 'text' || (form === 'text or list' && !text.startsWith('['))) {
      found.push({ name, path, value: text })
      continue
    }
    const yaml = readYaml(Buffer.from(text), name)
    const [first] = yaml.problems
    if (first === undefined) found.push({ name, path, value: yaml.value })
    else problems.push(problem(first.code, first.message, path, { ...nowhere, file: name }))
  }
  return { variables: found, problems }
}

/**
 * Reports variables with the prefix that no setting uses.
 *
 * @param secretNames  variables that an `{ env: NAME }` refers to
 */
export function unknownVariables(env: Environment, secretNames: ReadonlySet<string>): Problem[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !variables.has(name) && !secretNames.has(name))
    .filter((name) => !foreign.test(name) && !serviceLink.test(name))
    .map((name) => {
      const meant = nearest(name, variables.keys())
      const hint = meant === undefined ? undefined : `did you mean ${meant}?`
      return problem(
        'GH_CONFIG_UNKNOWN_VARIABLE',
        `unknown environment variable ${name}`,
        [],
        { ...nowhere, file: name },
        hint,
      )
    })
}
