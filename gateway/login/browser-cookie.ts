import { randomBytes } from 'node:crypto'
import { trimOptionalWhitespace } from '../base/optional-whitespace.ts'
import type { SessionCookie } from '../sessions/session-cookie.ts'
import { ATTEMPT_MS, attemptHash } from './attempt.ts'

/** A cookie that ties logins to the browser that began them. */
export interface BrowserCookie {
  readonly name: string
  /** 128 random bits. */
  readonly value: string
}

/** Tabs of one browser that can begin logins in the same moment. 50 bytes of `Cookie` each. */
const KEPT_MAX = 32
/** Maximum number of login cookies that are read. More than `KEPT_MAX`, so that surplus cookies are removed. */
const READ_MAX = 64
const value = /^[A-Za-z0-9_-]{22}$/
const suffix = /^-login-[A-Za-z0-9_-]{4}$/

/**
 * Reads the login cookies of a browser. Usually there is one, which all logins of the browser share. Tabs that open
 * before the browser has a login cookie get one each, under different names, so that no tab overwrites the cookie of
 * another.
 *
 * @param field  value of `Cookie`
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

/** Chooses the cookie for the next login. `cookies`: `Set-Cookie` values that keep it and remove surplus cookies. */
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

/** Hash of a login cookie, as an attempt stores it. */
export function browserOf({ value }: BrowserCookie): string {
  return attemptHash(`browser ${value}`)
}

function kept({ name, value }: BrowserCookie, session: SessionCookie): string {
  return `${name}=${value}; Max-Age=${ATTEMPT_MS / 1000}${session.attributes}`
}
