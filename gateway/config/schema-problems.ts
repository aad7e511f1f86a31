import { z } from 'zod'
import { nearest } from '../base/nearest.ts'
import { homeOfKey } from './document-kind.ts'
import {
  type DocumentPath,
  maxProblems,
  type Place,
  type Problem,
  type ProblemCode,
  problem,
  problemCodes,
} from './problem.ts'
import { isReservedKey } from './reserved-keys.ts'
import { keysAt, schemasAt } from './schema-walk.ts'
import { secretReferenceError } from './secret.ts'
import type { SettingProblem } from './settings-context.ts'

type Issue = z.core.$ZodIssue
type Locate = (path: DocumentPath) => Place

const reservedHint = 'remove it: this version of Gatehouse does not enforce it yet'

/**
 * Converts the issues that Zod found in `document` into problems for operators. Values are never quoted, because they
 * can be secrets.
 */
export function schemaProblems(
  schema: z.core.$ZodType,
  document: unknown,
  issues: readonly Issue[],
  locate: Locate,
): Problem[] {
  const problems: Problem[] = []
  const all = issues.flatMap((each) => flatten(each, []))
  const misspelt = all.flatMap((issue) => misspeltKeys(schema, issue))
  for (const issue of all) {
    if (misspelt.some((each) => isConsequence(issue, each, document))) continue
    for (const each of describe(schema, document, issue, locate)) {
      problems.push(each)
      if (problems.length === maxProblems) return problems
    }
  }
  return problems
}

/**
 * Replaces an issue of a union by the issues of the alternative that the operator probably meant: the first alternative
 * that accepts the type of the value.
 */
function flatten(issue: Issue, prefix: DocumentPath): Issue[] {
  const path = [...prefix, ...(issue.path as (string | number)[])]
  if (issue.code === 'invalid_union') {
    const likely = issue.errors.find((errors) => errors.length > 0 && !errors.some(isOfOtherType))
    if (likely !== undefined) return likely.flatMap((each) => flatten(each, path))
  }
  return [{ ...issue, path }]
}

function isOfOtherType({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}

/** An unknown key of a settings or policy document, in the mapping at `path`. */
interface MisspeltKey {
  readonly path: DocumentPath
  /** The known key that the operator probably meant by the unknown key. */
  readonly meant: string | undefined
}

function misspeltKeys(schema: z.core.$ZodType, issue: Issue): MisspeltKey[] {
  if (issue.code !== 'unrecognized_keys') return []
  const path = issue.path as DocumentPath
  const known = keysAt(schema, path)
  return issue.keys.map((key) => ({ path, meant: nearest(key, known) }))
}

/**
 * Whether a validation issue is only the consequence of a misspelt key: the key that was meant is missing, or its
 * mapping as a whole is incomplete. Such an issue ends when the key is corrected.
 */
function isConsequence(issue: Issue, { path, meant }: MisspeltKey, document: unknown): boolean {
  if (issue.code === 'unrecognized_keys') return false
  const at = issue.path as DocumentPath
  if (!path.every((part, i) => part === at[i])) return false
  if (at.length === path.length) return true
  return at[path.length] === meant && valueAt(document, at) === undefined
}

function* describe(schema: z.core.$ZodType, document: unknown, issue: Issue, locate: Locate): Generator<Problem> {
  const path = issue.path as DocumentPath
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path)
    for (const key of issue.keys) yield unknownKey(key, path, known, locate)
    return
  }
  const value = valueAt(document, path)
  const add = (code: ProblemCode, message: string, hint?: string) => problem(code, message, path, locate(path), hint)
  const found = foundByCode(issue)
  if (found !== undefined) {
    yield problem(found.code, issue.message, path, locate(found.locatedAt ?? path), found.hint)
    return
  }
  if (value === undefined) yield add('GH_CONFIG_MISSING', 'is required', remedyAt(schema, path))
  else if (issue.message === secretReferenceError && typeof value === 'string') {
    yield add(
      'GH_CONFIG_SECRET_INLINE',
      'must refer to the secret instead of containing it',
      'use { env: NAME } or { file: PATH }',
    )
  } else {
    const { message, hint = remedyForKind(schema, path, issue) } = wording(issue, value)
    yield add('GH_CONFIG_VALUE', message, hint)
  }
}

function unknownKey(key: string, path: DocumentPath, known: readonly string[], locate: Locate): Problem {
  const at = [...path, key]
  if (!known.includes(key) && isReservedKey(key)) {
    return problem('GH_CONFIG_NOT_YET', 'this key is reserved for a later version', at, locate(at), reservedHint)
  }
  const meant = nearest(key, known)
  const ofOtherKind = path.length === 0 ? homeOfKey(key, known) : undefined
  const hint = meant === undefined ? (ofOtherKind ?? `known keys: ${known.join(', ')}`) : `did you mean ${meant}?`
  return problem('GH_CONFIG_UNKNOWN_KEY', 'unknown key', at, locate(at), hint)
}

/** Returns the remedy for a missing required setting, from `.meta({ remedy })` of its schema. */
function remedyAt(schema: z.core.$ZodType, path: DocumentPath): string | undefined {
  for (const each of schemasAt(schema, path)) {
    const remedy = z.globalRegistry.get(each)?.['remedy']
    if (typeof remedy === 'string') return remedy
  }
  return undefined
}

/**
 * Returns the problem code, hint and position of a problem that `addProblem` added; `undefined` for all other issues.
 */
function foundByCode(issue: Issue): Pick<SettingProblem, 'code' | 'hint' | 'locatedAt'> | undefined {
  const params = issue.code === 'custom' ? issue.params : undefined
  if (typeof params?.['code'] !== 'string' || !Object.hasOwn(problemCodes, params['code'])) return undefined
  return params as Pick<SettingProblem, 'code' | 'hint' | 'locatedAt'>
}

const kinds: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

function wording(issue: Issue, value: unknown): { message: string; hint?: string } {
  // Keep messages that start with "must", which come from Gatehouse's schemas; other messages come from Zod and are
  // replaced.
  if (issue.message.startsWith('must ')) return { message: issue.message }
  switch (issue.code) {
    case 'invalid_type':
      return { message: `must be ${kinds[issue.expected] ?? issue.expected}, not ${kindOf(value)}` }
    case 'invalid_value': {
      const known = issue.values.map(String)
      const meant = typeof value === 'string' ? nearest(value, known) : undefined
      const message = `must be ${known.length === 1 ? known[0] : `one of ${known.join(', ')}`}`
      return meant === undefined ? { message } : { message, hint: `did you mean ${meant}?` }
    }
    case 'too_small':
      if (issue.origin === 'array') return { message: 'must not be empty' }
      return { message: issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}` }
    case 'too_big': {
      const unit = { array: ' entries', string: ' characters' }[issue.origin as string] ?? ''
      return { message: `must be at most ${issue.maximum}${unit}` }
    }
    case 'invalid_key':
      return { message: `name ${issue.issues[0]?.message ?? 'is not accepted'}` }
    default:
      return { message: issue.message }
  }
}

/** Returns how to write a mapping or a list where the document has another kind of value. */
function remedyForKind(schema: z.core.$ZodType, path: DocumentPath, issue: Issue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined
  if (issue.expected === 'array') return 'write a list: [ENTRY, …]'
  const keys = [...new Set(keysAt(schema, path))]
  return keys.length === 0 ? undefined : `write a mapping: { KEY: VALUE }; its keys: ${keys.join(', ')}`
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty'
  return (Array.isArray(value) ? kinds['array'] : kinds[typeof value]) ?? typeof value
}

function valueAt(document: unknown, path: DocumentPath): unknown {
  let value = document
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}
