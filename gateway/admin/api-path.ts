import { ApiProblem } from './api-problem.ts'
import { operations } from './operations.ts'

/**
 * Matches characters in an admin API path that the router would decode (`%`), or at which it would cut the path (`#`).
 * A path with such a character is rejected, so that each operation has exactly one path.
 */
const encoded = /[%#]/

/** A path that is no operation of the admin API: the router replies 404. */
const UNKNOWN = '/api'

/**
 * Returns the URL of an admin API call for the router: the given URL, or a path without an operation when the router
 * would decode or cut the given path.
 */
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
 * Returns the problem for a request that matches no operation of the admin API: 405 with `Allow` when the path has
 * operations with other methods, else 404.
 */
export function noOperation(path: string): ApiProblem {
  const methods = templates.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
  if (methods.length === 0) return new ApiProblem('not_found', 'the admin API has no operation with this path')
  const allow = methods.join(', ')
  return new ApiProblem('method_not_allowed', `this path accepts only ${allow}`, { fields: { allow } })
}
