import type { Exchange } from './exchange.ts'

/** The host that was asked for, as it was sent; without the name and the password that a refused one may have in front. */
export function recordedHost({ authority, head: { host } }: Exchange): string {
  if (authority !== '') return authority
  return host.includes('@') ? `(withheld)${host.slice(host.lastIndexOf('@'))}` : host
}
