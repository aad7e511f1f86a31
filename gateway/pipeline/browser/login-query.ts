import { loginPaths } from '../../login/login-paths.ts'
import type { Resolved } from '../exchange/exchange.ts'

const paths: ReadonlySet<string> = new Set(loginPaths)

/**
 * Request fields in which a proxy states the page to which the browser returns after a login, in order of precedence.
 */
const returnFields = ['x-auth-request-redirect', 'x-forwarded-uri'] as const

/**
 * Returns the query of a request to one of the gate's own paths. If a login request has neither `return_to` nor `rd`, a
 * peer in `check.peers` can state the page in a header field, which becomes `return_to`. nginx needs the field: it
 * cannot percent-encode a value, and a page whose URL contains `&` would break the query. The field is ignored if
 * another peer sends it. The login accepts no path of another site (`returnPath`).
 */
export function loginQuery({ path, head, downstream, gate: { proxies } }: Resolved): string {
  const query = head.query ?? ''
  if (!paths.has(path) || proxies?.mayCallAuthorization(downstream.remoteAddress) !== true) return query
  const given = new URLSearchParams(query)
  if (given.has('return_to') || given.has('rd')) return query
  for (const name of returnFields) {
    // Join the values of a repeated field with a comma and a space: the login replaces the result by `/`, because it
    // accepts no path with a space.
    const stated = head.joined(name)
    if (stated !== undefined) return `${query === '' ? '' : `${query}&`}return_to=${encodeURIComponent(stated)}`
  }
  return query
}
