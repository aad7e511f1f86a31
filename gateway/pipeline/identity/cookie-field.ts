import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { FieldKind } from '../exchange/field-kind.ts'
import type { RequestHead } from '../exchange/request-head.ts'

/**
 * Returns all `Cookie` fields of a request as one value; `''` without a `Cookie` field. RFC 6265 §5.4 allows one field.
 * RFC 9113 §8.2.3 defines how several fields are joined.
 */
export function cookieField({ values, kinds }: RequestHead): string {
  let field = ''
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === FieldKind.cookie) field = field === '' ? values[i]! : `${field}; ${values[i]}`
  }
  return field
}

/**
 * Prefixes of the names of the gate's own cookies, in lower case. `gatehouse-console`: cookies of the console of the
 * admin plane, which browsers also send to every other port of its host.
 */
export const ownCookies = ['__host-gatehouse', 'gatehouse-loopback', 'gatehouse-console'] as const

const maybeOwn = /gatehouse/i

/**
 * Removes the gate's own cookies from a `Cookie` field; the order of the other cookies is unchanged. A field without
 * such a cookie is returned unchanged.
 */
export function withoutOwnCookies(field: string): string {
  if (!maybeOwn.test(field)) return field
  // Return a field with one cookie, the usual case, without splitting it.
  if (!field.includes(';')) return isOwnCookie(field) ? '' : trimOptionalWhitespace(field)
  return field
    .split(';')
    .filter((pair) => !isOwnCookie(pair))
    .map(trimOptionalWhitespace)
    .join('; ')
}

/**
 * Whether a cookie is the gate's own. Also true when its name is empty and its value starts with the name of a cookie
 * of the gate, because the browser returns such a cookie without the `=` (RFC 6265bis §5.8.3).
 *
 * @param pair  a cookie from `Cookie` or `Set-Cookie`, which starts with its name
 */
export function isOwnCookie(pair: string): boolean {
  const start = pair
    .replace(/^[\s=]+/, '')
    .slice(0, 32)
    .toLowerCase()
  return ownCookies.some((name) => start.startsWith(name))
}
