import type { Exchange } from './exchange.ts'

/**
 * Whether a page of this very origin made the request. A browser says so in `Origin`, or in `Sec-Fetch-Site` where it
 * sends none; one that says neither is not believed.
 */
export function isSameOrigin({ head, gate, authority }: Exchange): boolean {
  const site = head.joined('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin') return false
  const origin = head.joined('origin')
  return origin === undefined ? site === 'same-origin' : origin === gate.publicUrls.forHost(authority)
}

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])

/** RFC 9110 §9.2.1. */
export function isSafe(method: string): boolean {
  return safe.has(method)
}
