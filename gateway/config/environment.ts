import { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import { nowhere, type Problem, problem } from './problem.ts'
import { leavesOf, unwrapped } from './schema-walk.ts'
import type { Environment } from './secret.ts'
import { settingsSchema } from './settings-schema.ts'
import { readYaml } from './yaml-document.ts'

const prefix = 'GATEHOUSE_'

/**
 * Map from the name of an environment variable to the setting that it sets. The name is `GATEHOUSE_` and the path of
 * the setting in upper case, joined by `_`: `GATEHOUSE_REDIS_URL` for `redis.url`.
 */
const variables = new Map(
  [...leavesOf(settingsSchema)].map(([path, schema]) => [variableOf(path), { path, form: formOf(schema) }] as const),
)

/** Pattern of environment variables that Kubernetes sets in a pod for each service whose name starts with gatehouse. */
const serviceLink = /^GATEHOUSE_(?:.*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$/
/** Pattern of `GATEHOUSE_` variables that are no settings: only the command line and the demo read them. */
const foreign = /^GATEHOUSE_(?:ADMIN_URL|ADMIN_TOKEN|ADMIN_TOKEN_FILE|DEMO_.*)$/

/** The value of one setting from an environment variable, not yet validated. */
export interface Variable {
  readonly name: string
  readonly path: readonly string[]
  readonly value: unknown
}

export function variableOf(path: readonly string[]): string {
  return prefix + path.join('_').toUpperCase()
}

/**
 * Chooses how the value of an environment variable is parsed. A setting of type text gets the value literally, so that
 * a name of digits stays a text. Numbers, booleans, lists and mappings are parsed as YAML.
 */
function formOf(schema: z.core.$ZodType): 'text' | 'yaml' | 'text or list' {
  if (schema instanceof z.ZodUnion) {
    const options = schema.def.options.map(unwrapped)
    if (options.some((each) => each instanceof z.ZodBoolean)) return 'yaml'
    return options.some((each) => formOf(each) === 'text') ? 'text or list' : 'yaml'
  }
  return schema instanceof z.ZodNumber ||
    schema instanceof z.ZodBoolean ||
    schema instanceof z.ZodArray ||
    schema instanceof z.ZodObject ||
    schema instanceof z.ZodRecord
    ? 'yaml'
    : 'text'
}

/**
 * Reads the settings that are set by environment variables. An empty variable counts as unset, because compose files
 * produce empty variables.
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

const unknownHint = 'unset it, or rename it if another program reads it'

/**
 * Reports environment variables that start with `GATEHOUSE_` but belong to no setting.
 *
 * @param secretNames  names of variables that contain secrets: an `{ env: NAME }` refers to them
 */
export function unknownVariables(env: Environment, secretNames: ReadonlySet<string>): Problem[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !variables.has(name) && !secretNames.has(name))
    .filter((name) => !foreign.test(name) && !serviceLink.test(name))
    .map((name) => {
      const meant = nearest(name, variables.keys())
      const hint = meant === undefined ? unknownHint : `did you mean ${meant}?`
      return problem(
        'GH_CONFIG_UNKNOWN_VARIABLE',
        `unknown environment variable ${name}`,
        [],
        { ...nowhere, file: name },
        hint,
      )
    })
}
