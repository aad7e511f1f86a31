import type { Exchange } from '../exchange/exchange.ts'

/** The requested host as sent. A refused host may contain user info, which is withheld. */
export function recordedHost({ authority, head: { host } }: Exchange): string {
  if (authority !== '') return authority
  return host.includes('@') ? `(withheld)${host.slice(host.lastIndexOf('@'))}` : host
}
