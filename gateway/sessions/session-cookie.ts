import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'

/** The one cookie that a browser keeps for a session. */
export interface SessionCookie {
  readonly name: string
  /** Of all cookies of the gate, as they follow the value. */
  readonly attributes: string
  /** `Set-Cookie` that has the browser keep it. Without `Max-Age`: the session's own end is in Redis. */
  set(value: string): string
  /** `Set-Cookie` that has the browser forget it. */
  readonly clear: string
}

/**
 * RFC 6265bis §4.1.3.2: with `__Host-` no other host, path or scheme can set it. `Lax` lets a link from elsewhere arrive
 * logged in; that unsafe methods come from this site is checked at the request.
 */
export const hostCookie = cookieOf('__Host-gatehouse', '; Secure')

/**
 * For a gate that browsers reach by http, which is on loopback only: they take neither `Secure` nor `__Host-` there. A
 * name of its own, so that it never passes for the other.
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
 * The value of the one cookie of that name; `undefined` where there is none, or more than one: then somebody else set one
 * of them, and it cannot be told which (RFC 6265bis §8.6).
 *
 * @param field  value of `Cookie`
 */
export function readCookie(field: string, { name }: SessionCookie): string | undefined {
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
 * All different values of cookies with that name. For a logout, which ends every session that the browser presents.
 *
 * @param field  value of `Cookie`
 */
export function readCookies(field: string, { name }: SessionCookie): ReadonlySet<string> {
  const pairs = field.split(';').map(trimOptionalWhitespace)
  return new Set(pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1)))
}
