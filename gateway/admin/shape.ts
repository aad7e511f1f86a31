import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'
import { ApiProblem, type FieldError } from './api-problem.ts'

type Issue = z.core.$ZodIssue

type Where = 'body' | 'query' | 'path'

/** Names by which fastify calls the parts of a request. */
const parts: Readonly<Record<string, Where>> = { body: 'body', querystring: 'query', params: 'path' }

/**
 * Compiles a schema of an operation for fastify. The validator returns the parsed value, or a 400 problem that lists
 * every error and its place. The problem never quotes a value of the request, because the value can be a secret.
 */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart = '' }) => {
  const where = parts[httpPart]!
  return (document: unknown) => {
    const { data, error } = schema.safeParse(document)
    return error === undefined ? { value: data } : { error: invalid(error.issues, where) }
  }
}

function invalid(issues: readonly Issue[], where: Where): ApiProblem {
  const errors = issues.flatMap((issue) => fieldErrors(issue, where)).slice(0, 20)
  const [first] = errors
  const detail = `${first?.parameter ?? first?.pointer ?? where}: ${first?.detail}`
  return new ApiProblem('invalid_request', detail.replace(/^: /, ''), { errors })
}

function fieldErrors(issue: Issue, where: Where): FieldError[] {
  const at = (path: readonly PropertyKey[]): Omit<FieldError, 'detail'> =>
    where !== 'body' ? { parameter: path.map(String).join('.') } : { pointer: pointerOf(path) }
  if (issue.code !== 'unrecognized_keys') return [{ ...at(issue.path), detail: wording(issue) }]
  return issue.keys.map((key) => ({
    ...at([...issue.path, key]),
    detail: `is not a known ${where === 'body' ? 'member' : 'parameter'}`,
  }))
}

/** Formats the path of an invalid value as JSON Pointer (RFC 6901 §3). */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function wording(issue: Issue): string {
  // Keep messages that begin with "must": they come from Gatehouse's schemas. Messages of the library Zod are replaced.
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
