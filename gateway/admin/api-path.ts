import { ApiProblem } from './api-problem.ts'
import { operations } from './operations.ts'

/**
 * Characters in a path that the router would decode (`%`) or at which it would cut the path (`#`). No operation path
 * contains them, so each operation has exactly one spelling.
 */
const encoded = /[%#]/

/** Path of the admin API without an operation, so that the router replies 404. */
const UNKNOWN = '/api'

/** URL for the router: the URL itself, or an unknown path when the router would decode or cut the path. */
export function literalUrl(url: string): string {
  return encoded.test(pathOf(url)) ? UNKNOWN : url
}

export function pathOf(url: string): string {
  return url.split('?', 1)[0]!
}

const templates = operations.map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll('.', '[.]').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}))

/**
 * Returns the problem for a request that matches no operation: 405 with `Allow` when the path has operations with other
 * methods, else 404.
 */
export function noOperation(path: string): ApiProblem {
  const methods = templates.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
  if (methods.length === 0) return new ApiProblem('not_found', 'the admin API has no operation with this path')
  const allow = methods.join(', ')
  return new ApiProblem('method_not_allowed', `this path accepts only ${allow}`, { fields: { allow } })
}
