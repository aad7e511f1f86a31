import { trimOptionalWhitespace } from '../../base/optional-whitespace.ts'
import { FieldKind } from '../exchange/field-kind.ts'
import type { RequestHead } from '../exchange/request-head.ts'

/**
 * All `Cookie` fields as one value; `''` without any. RFC 6265 §5.4 allows one field. RFC 9113 §8.2.3 defines how
 * several are joined.
 */
export function cookieField({ values, kinds }: RequestHead): string {
  let field = ''
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === FieldKind.cookie) field = field === '' ? values[i]! : `${field}; ${values[i]}`
  }
  return field
}

/** Prefixes of the names of the gate's own cookies, in lower case. */
export const ownCookies = ['__host-gatehouse', 'gatehouse-loopback'] as const

const maybeOwn = /gatehouse/i

/** The field without the gate's own cookies; the order is kept. Returned unchanged when it contains no such cookie. */
export function withoutOwnCookies(field: string): string {
  if (!maybeOwn.test(field)) return field
  // Usually the field contains one cookie only.
  if (!field.includes(';')) return isOwnCookie(field) ? '' : trimOptionalWhitespace(field)
  return field
    .split(';')
    .filter((pair) => !isOwnCookie(pair))
    .map(trimOptionalWhitespace)
    .join('; ')
}

/**
 * Whether a cookie is the gate's own. Also true when its name is empty and its value starts like an own cookie's name:
 * the browser returns such a cookie without the `=` (RFC 6265bis §5.8.3).
 *
 * @param pair  a cookie as in `Cookie` or `Set-Cookie`; its name comes first
 */
export function isOwnCookie(pair: string): boolean {
  const start = pair
    .replace(/^[\s=]+/, '')
    .slice(0, 32)
    .toLowerCase()
  return ownCookies.some((name) => start.startsWith(name))
}
