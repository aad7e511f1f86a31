import type { Denial } from '../../base/denial.ts'
import type { Exchange } from '../exchange/exchange.ts'

const style = 'style=nginx'

/**
 * Whether a query is allowed on the forward-auth check path itself: only an empty query or `style=nginx`. Below the
 * check path, the query is part of the checked request, and every query is allowed. Other queries on the path itself
 * are rejected, because oauth2-proxy's `allowed_groups` would request a restriction that nothing enforces, and because
 * some proxies append the client's query.
 */
export function isCheckQuery(query: string | undefined): boolean {
  return query === undefined || query === '' || query === style
}

/**
 * Adapts a refusal to the proxy that requests the forward-auth check. nginx `auth_request` accepts 2xx, 401 and 403,
 * and turns every other status into 500. With `?style=nginx` the status becomes 403, and `X-Gatehouse-Status` contains
 * the original status.
 */
export function adaptToProxy(x: Exchange, refusal: Denial): Denial {
  if (!isNginxStyle(x)) return refusal
  if (refusal.status === 401 || refusal.status === 403) return refusal
  return { ...refusal, status: 403, fields: [...refusal.fields, ['x-gatehouse-status', String(refusal.status)]] }
}

/**
 * Whether the gate's own reply reaches the browser: a redirect to the login, or a page. The proxy that requests a
 * forward-auth check passes it on, except nginx, and proxies configured for the oauth2-proxy path.
 */
export function reachesBrowser(x: Exchange): boolean {
  return x.checkPath !== '/oauth2/auth' && !isNginxStyle(x)
}

function isNginxStyle({ checkPath, head }: Exchange): boolean {
  return head.target === checkPath && head.query === style
}
