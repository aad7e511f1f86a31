import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'
import { FieldKind } from './field-kind.ts'
import type { RequestHead } from './request-head.ts'

/** All `Cookie` fields as one (RFC 6265 §5.4 wants one, RFC 9113 §8.2.3 says how to join several); `''` without any. */
export function cookieField({ values, kinds }: RequestHead): string {
  let field = ''
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === FieldKind.cookie) field = field === '' ? values[i]! : `${field}; ${values[i]}`
  }
  return field
}

/** Names of the gate's own cookies start with these, whatever the kind; in lower case. */
export const ownCookies = ['__host-gatehouse', 'gatehouse-loopback'] as const

const maybeOwn = /gatehouse/i

/** The cookies that are not the gate's own, in their order; as it came where none is. */
export function withoutOwnCookies(field: string): string {
  if (!maybeOwn.test(field)) return field
  // As a rule it is the only one.
  if (!field.includes(';')) return isOwnCookie(field) ? '' : trimOptionalWhitespace(field)
  return field
    .split(';')
    .filter((pair) => !isOwnCookie(pair))
    .map(trimOptionalWhitespace)
    .join('; ')
}

/**
 * Also where the name is empty and the value looks like one: such a cookie comes back without the `=` (RFC 6265bis §5.8.3).
 *
 * @param pair  a cookie as either side writes it, its name first
 */
export function isOwnCookie(pair: string): boolean {
  const start = pair
    .replace(/^[\s=]+/, '')
    .slice(0, 32)
    .toLowerCase()
  return ownCookies.some((name) => start.startsWith(name))
}
