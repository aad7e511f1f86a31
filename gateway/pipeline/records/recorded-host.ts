import type { Exchange } from '../exchange/exchange.ts'

/**
 * Returns the requested host for logs, as the client sent it. User info in an invalid host is replaced by `(withheld)`.
 */
export function recordedHost({ authority, head: { host } }: Exchange): string {
  if (authority !== '') return authority
  return host.includes('@') ? `(withheld)${host.slice(host.lastIndexOf('@'))}` : host
}
