import { randomBytes } from 'node:crypto'
import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'
import type { SessionCookie } from '../sessions/session-cookie.ts'
import { ATTEMPT_MS, attemptHash } from './attempt.ts'

/** A login cookie. It binds a login to the browser that started the login. */
export interface BrowserCookie {
  readonly name: string
  /** Value of the login cookie: 128 random bits as text. */
  readonly value: string
}

/**
 * Maximum number of login cookies of one browser. This also limits the number of tabs in which the browser's first
 * login can start at the same moment. Each cookie adds 50 bytes to the `Cookie` header.
 */
const KEPT_MAX = 32
/**
 * Maximum number of login cookies that are read from a request. Higher than `KEPT_MAX`, so that surplus cookies are
 * found and removed.
 */
const READ_MAX = 64
const value = /^[A-Za-z0-9_-]{22}$/
const suffix = /^-login-[A-Za-z0-9_-]{4}$/

/**
 * Reads the login cookies of a browser. Usually a browser has one login cookie, which all its logins share. Tabs that
 * open before the browser has a login cookie get one cookie each, under different names, so that no tab overwrites the
 * cookie of another.
 *
 * @param field  value of the `Cookie` header
 */
export function readBrowserCookies(field: string, { name: session }: SessionCookie): BrowserCookie[] {
  const found: BrowserCookie[] = []
  for (const pair of field.split(';')) {
    const [name = '', content = '', ...more] = trimOptionalWhitespace(pair).split('=')
    if (!name.startsWith(session) || !suffix.test(name.slice(session.length))) continue
    if (more.length > 0 || !value.test(content) || found.length === READ_MAX) continue
    found.push({ name, value: content })
  }
  return found
}

/**
 * Chooses the login cookie for the next login: the first cookie that the browser has, or a new cookie. `cookies` in the
 * result are the `Set-Cookie` values that renew the chosen cookie and remove surplus cookies.
 */
export function chooseBrowserCookie(
  known: readonly BrowserCookie[],
  session: SessionCookie,
): { readonly chosen: BrowserCookie; readonly cookies: readonly string[] } {
  const chosen = known[0] ?? {
    name: `${session.name}-login-${randomBytes(3).toString('base64url')}`,
    value: randomBytes(16).toString('base64url'),
  }
  return { chosen, cookies: [kept(chosen, session), ...forgetBrowserCookies(known.slice(KEPT_MAX), session)] }
}

export function forgetBrowserCookies(known: readonly BrowserCookie[], session: SessionCookie): string[] {
  return known.map(({ name }) => `${name}=; Max-Age=0${session.attributes}`)
}

/** Hash of a login cookie. A login attempt contains this hash in place of the cookie. */
export function browserOf({ value }: BrowserCookie): string {
  return attemptHash(`browser ${value}`)
}

function kept({ name, value }: BrowserCookie, session: SessionCookie): string {
  return `${name}=${value}; Max-Age=${ATTEMPT_MS / 1000}${session.attributes}`
}
