import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'

/** Name and attributes of the session cookie in the browser. */
export interface SessionCookie {
  readonly name: string
  /** Attributes that follow the value in every session cookie that the gate sets. */
  readonly attributes: string
  /**
   * Returns the `Set-Cookie` value that stores the session cookie. The cookie has no `Max-Age`, because the end of the
   * session is stored in Redis.
   */
  set(value: string): string
  /** `Set-Cookie` value that deletes the session cookie. */
  readonly clear: string
}

/**
 * Session cookie for https. With the prefix `__Host-`, no other host, path or scheme can set the cookie (RFC 6265bis
 * §4.1.3.2). With `Lax`, a user who follows a link from another site stays logged in. The gate itself refuses requests
 * with an unsafe method that come from another site.
 */
export const hostCookie = cookieOf('__Host-gatehouse', '; Secure')

/**
 * Session cookie for a gate that browsers reach by http, which is allowed on loopback only. Over http, browsers accept
 * neither `Secure` nor `__Host-`. The cookie has a separate name, so that it is never mistaken for the https cookie.
 */
export const loopbackCookie = cookieOf('gatehouse-loopback', '')

function cookieOf(name: string, secure: string): SessionCookie {
  const attributes = `; Path=/${secure}; HttpOnly; SameSite=Lax`
  return {
    name,
    attributes,
    set: (value) => `${name}=${value}${attributes}`,
    clear: `${name}=${attributes}; Max-Age=0`,
  }
}

/**
 * Returns the value of the session cookie if the field contains exactly one. Several session cookies give `undefined`:
 * another party then set one of them, and the gate cannot tell which (RFC 6265bis §8.6).
 *
 * @param field  value of the field `Cookie`
 */
export function readCookie(field: string, { name }: Pick<SessionCookie, 'name'>): string | undefined {
  let value: string | undefined
  for (let at = 0; at < field.length; ) {
    const semicolon = field.indexOf(';', at)
    const end = semicolon === -1 ? field.length : semicolon
    while (field[at] === ' ' || field[at] === '\t') at++
    if (field.startsWith(name, at) && field[at + name.length] === '=') {
      if (value !== undefined) return undefined
      value = trimOptionalWhitespace(field.slice(at + name.length + 1, end))
    }
    at = end + 1
  }
  return value
}

/**
 * Returns all distinct values of session cookies in the field. A logout ends every session that the browser presents.
 *
 * @param field  value of the field `Cookie`
 */
export function readCookies(field: string, { name }: SessionCookie): ReadonlySet<string> {
  const pairs = field.split(';').map(trimOptionalWhitespace)
  return new Set(pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1)))
}
