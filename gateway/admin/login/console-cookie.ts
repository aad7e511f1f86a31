import type { IncomingHttpHeaders } from 'node:http'
import { readCookie } from '../../sessions/session-cookie.ts'

/** Use of a cookie of the console: the session, or a log-in in progress at the issuer. */
type CookieUse = 'session' | 'login'

/** Field that the pages of the console send with each call. A page of another origin cannot send it without CORS. */
export const CONSOLE_FIELD = 'x-gatehouse-console'

/**
 * Scheme and host (with port) by which a browser reaches the console. The scheme is `undefined` when the admin plane
 * cannot know it, because a proxy can terminate TLS before it.
 */
export interface ConsoleSite {
  readonly scheme: 'http' | 'https' | undefined
  readonly host: string
}

/**
 * Returns the site at which a browser sent a request: by `admin.login.origin`, or else by the field `Origin`, which
 * browsers send with each POST.
 *
 * @param configured  the setting `admin.login.origin`
 */
export function siteOf({ host = '', origin }: IncomingHttpHeaders, configured: string | undefined): ConsoleSite {
  for (const text of [configured, origin]) {
    const url = text === undefined ? null : URL.parse(text)
    if (url?.host === host.toLowerCase()) return { scheme: url.protocol === 'https:' ? 'https' : 'http', host }
  }
  return { scheme: undefined, host }
}

/**
 * Name of a cookie of the console. It contains the port, because browsers share cookies between the ports of one host:
 * two nodes on one machine must not overwrite each other's cookies. Under https, the prefix `__Host-` ensures that no
 * other host has set the cookie (RFC 6265bis §4.1.3.2).
 */
function nameOf(use: CookieUse, host: string, secure: boolean): string {
  const port = /:(\d+)$/.exec(host)?.[1]
  return `${secure ? '__Host-' : ''}gatehouse-console${use === 'login' ? '-login' : ''}${port === undefined ? '' : `-${port}`}`
}

/**
 * Attributes of a cookie of the console. `Strict`: no request that another site causes has the session cookie. `Lax`:
 * the redirect by which the issuer returns the browser has the cookie of the log-in. That cookie is for the callback
 * path alone, except under https, where `__Host-` requires the path `/`.
 */
function attributesOf(use: CookieUse, secure: boolean): string {
  const path = use === 'login' && !secure ? '/callback' : '/'
  return `; Path=${path}${secure ? '; Secure' : ''}; HttpOnly; SameSite=${use === 'session' ? 'Strict' : 'Lax'}`
}

/** `Set-Cookie` value of a cookie of the console. @param maxAgeS  lifetime, s; default: until the browser closes */
export function setConsoleCookie(use: CookieUse, site: ConsoleSite, value: string, maxAgeS?: number): string {
  const secure = isSecure(site)
  const age = maxAgeS === undefined ? '' : `; Max-Age=${maxAgeS}`
  return `${nameOf(use, site.host, secure)}=${value}${age}${attributesOf(use, secure)}`
}

/** `Set-Cookie` values that delete a cookie of the console. */
export function clearConsoleCookie(use: CookieUse, site: ConsoleSite): string[] {
  const kinds = site.scheme === undefined ? [true, false] : [isSecure(site)]
  return kinds.map((secure) => `${nameOf(use, site.host, secure)}=; Max-Age=0${attributesOf(use, secure)}`)
}

/** Returns the value of a cookie of the console; `undefined` without the cookie, or when the request has it twice. */
export function readConsoleCookie(
  use: CookieUse,
  { cookie = '' }: IncomingHttpHeaders,
  site: ConsoleSite,
): string | undefined {
  const kinds = site.scheme === undefined ? [true, false] : [isSecure(site)]
  for (const secure of kinds) {
    const value = readCookie(cookie, { name: nameOf(use, site.host, secure) })
    if (value !== undefined && value !== '') return value
  }
  return undefined
}

/** With an unknown scheme, only a loopback host is taken for http: elsewhere the cookie must not leave by plain http. */
function isSecure({ scheme, host }: ConsoleSite): boolean {
  if (scheme !== undefined) return scheme === 'https'
  return !/^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d*)?$/i.test(host)
}

const sessionPair = /(?:__Host-)?gatehouse-console(?:-\d+)?=[^;]*/g

/**
 * Returns the cookies by which a call claims a session of the console; `undefined` when the call claims none: it has no
 * such cookie, or lacks the field of the console's pages.
 */
export function claimedConsoleSession(headers: IncomingHttpHeaders): string | undefined {
  if (headers[CONSOLE_FIELD] !== '1') return undefined
  return headers.cookie?.match(sessionPair)?.join(';')
}
