import type { Exchange } from '../exchange/exchange.ts'

/**
 * Whether a page of the same origin made the request. Browsers send the origin of the page in `Origin`, or its relation
 * in `Sec-Fetch-Site` when they send no `Origin`. A request with neither field counts as cross-site.
 */
export function isSameOrigin({ head, gate, authority }: Exchange): boolean {
  const site = head.joined('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') return false
  const origin = head.joined('origin')
  return origin === undefined ? site === 'same-origin' : origin === gate.publicUrls.forHost(authority)
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether a method is safe (RFC 9110 §9.2.1). */
export function isSafe(method: string): boolean {
  return safe.has(method)
}
