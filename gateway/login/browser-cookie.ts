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
/** More than are kept, so that surplus ones are seen and removed. */
const READ_MAX = 64
const value = /^[A-Za-z0-9_-]{22}$/
const suffix = /^-login-[A-Za-z0-9_-]{4}$/

/**
 * The cookies of that kind that a browser has. One as a rule, which all its logins share. Tabs that open in the same
 * moment, before any cookie is there, get one each, under names of their own: else each would overwrite that of the tab
 * before.
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

/** The one that the next login is tied to, and what the browser is to be told: to keep it, and to forget the surplus. */
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

/** What of a cookie is kept with an attempt. */
export function browserOf({ value }: BrowserCookie): string {
  return attemptHash(`browser ${value}`)
}

function kept({ name, value }: BrowserCookie, session: SessionCookie): string {
  return `${name}=${value}; Max-Age=${ATTEMPT_MS / 1000}${session.attributes}`
}
