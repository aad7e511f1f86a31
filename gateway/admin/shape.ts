import type { z } from 'zod'
import { ApiProblem, type FieldError } from './api-problem.ts'

type Issue = z.core.$ZodIssue

/**
 * Validates a document by its schema and returns the parsed value.
 *
 * @throws {ApiProblem} 400 with every error and its place; values are never quoted
 */
export function shaped<T>(schema: z.ZodType<T>, document: unknown, where: 'body' | 'query' | 'path'): T {
  const { data, error } = schema.safeParse(document)
  if (error === undefined) return data as T
  const errors = error.issues.flatMap((issue) => fieldErrors(issue, where)).slice(0, 20)
  const [first] = errors
  const detail = `${first?.parameter ?? first?.pointer ?? where}: ${first?.detail}`
  throw new ApiProblem('invalid_request', detail.replace(/^: /, ''), { errors })
}

function fieldErrors(issue: Issue, where: 'body' | 'query' | 'path'): FieldError[] {
  const at = (path: readonly PropertyKey[]): Omit<FieldError, 'detail'> =>
    where !== 'body' ? { parameter: path.map(String).join('.') } : { pointer: pointerOf(path) }
  if (issue.code !== 'unrecognized_keys') return [{ ...at(issue.path), detail: wording(issue) }]
  return issue.keys.map((key) => ({
    ...at([...issue.path, key]),
    detail: `is not a known ${where === 'body' ? 'member' : 'parameter'}`,
  }))
}

/** Formats a JSON Pointer (RFC 6901 §3). */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function wording(issue: Issue): string {
  // Messages of Gatehouse's own schemas start with "must"; messages of the library do not.
  if (issue.message.startsWith('must ')) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.endsWith('received undefined') ? 'is required' : `must be of type ${issue.expected}`
    case 'invalid_union':
      return `must be one of ${(issue as { options?: readonly unknown[] }).options?.join(', ')}`
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.join(', ')}`
    case 'too_small':
      return 'must not be empty'
    case 'too_big':
      return `must be at most ${issue.maximum} characters`
    default:
      return issue.message
  }
}
