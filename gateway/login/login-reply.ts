import type { HeaderField } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { NamedSession } from '../sessions/session.ts'

/** A reply of the login and logout paths. */
export interface LoginReply {
  readonly reason: Reason
  readonly status: number
  readonly fields: readonly HeaderField[]
  readonly body: string
  /** The session that the request began or ended, for the audit record. */
  readonly session?: NamedSession
}

/**
 * Prevents caching and limits `Referer`, because URLs around a login have secrets in their query. Not `no-referrer`:
 * with it browsers send `Origin: null` for the gate's own forms.
 */
export const unkept: readonly HeaderField[] = [
  ['cache-control', 'no-store'],
  ['referrer-policy', 'same-origin'],
]

/** @param cookies  values of `Set-Cookie` */
export function redirection(reason: Reason, location: string, cookies: readonly string[] = []): LoginReply {
  const fields: HeaderField[] = [...unkept, ['location', location], ...settingCookies(cookies)]
  return { reason, status: 303, fields, body: '' }
}

export function settingCookies(cookies: readonly string[]): HeaderField[] {
  return cookies.map((cookie) => ['set-cookie', cookie] as const)
}
