import { loginPaths } from '../../login/login-paths.ts'
import type { Resolved } from '../exchange/exchange.ts'

const paths: ReadonlySet<string> = new Set(loginPaths)

/** Fields in which a proxy states the page to which the browser returns, by precedence. */
const returnFields = ['x-auth-request-redirect', 'x-forwarded-uri'] as const

/**
 * Query of a request to a path of the gate. A login without `return_to` and `rd` gets `return_to` from the field in which
 * a peer of `check.peers` states the requested page. nginx cannot percent-encode a value, so it can state a page with `&`
 * in a field only. Fields of other peers are ignored. The login accepts no path of another site (`returnPath`).
 */
export function loginQuery({ path, head, downstream, gate: { proxies } }: Resolved): string {
  const query = head.query ?? ''
  if (!paths.has(path) || proxies?.mayCallAuthorization(downstream.remoteAddress) !== true) return query
  const given = new URLSearchParams(query)
  if (given.has('return_to') || given.has('rd')) return query
  for (const name of returnFields) {
    // A repeated field has a space in its list, and the login accepts no path with a space.
    const stated = head.joined(name)
    if (stated !== undefined) return `${query === '' ? '' : `${query}&`}return_to=${encodeURIComponent(stated)}`
  }
  return query
}
