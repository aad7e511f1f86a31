import type { Denial } from '../base/denial.ts'
import type { Exchange } from './exchange.ts'

const style = 'style=nginx'

/**
 * Whether this may stand as the query of a check; below its path the query is that of the target. Others are refused: those
 * of oauth2-proxy (`allowed_groups`) would demand what nobody enforces, and some proxies append their client's.
 */
export function isCheckQuery(query: string | undefined): boolean {
  return query === undefined || query === '' || query === style
}

/**
 * A refusal as the asking proxy understands it. The `auth_request` of nginx takes 2xx, 401 and 403 for an answer and makes
 * 500 of all else: with `?style=nginx` that is 403, and the true status stands beside it.
 */
export function asTold(x: Exchange, refusal: Denial): Denial {
  if (!isNginxStyle(x)) return refusal
  if (refusal.status === 401 || refusal.status === 403) return refusal
  return { ...refusal, status: 403, fields: [...refusal.fields, ['x-gatehouse-status', String(refusal.status)]] }
}

/** Whether who asks hands a redirect on to the browser. nginx does not, nor do those who know this path from oauth2-proxy. */
export function handsRedirectsOn(x: Exchange): boolean {
  return x.checkPath !== '/oauth2/auth' && !isNginxStyle(x)
}

function isNginxStyle({ checkPath, head }: Exchange): boolean {
  return head.target === checkPath && head.query === style
}
