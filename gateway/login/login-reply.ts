import type { HeaderField } from '../base/denial.ts'
import type { FaultReason } from '../base/fault.ts'
import type { Reason } from '../base/reasons.ts'
import type { PageContent } from '../pages/page-content.ts'
import type { NamedSession } from '../sessions/session.ts'

/** Reasons of the faults for which the login and logout paths reply with an error page. */
export const loginFaultReasons = [
  'issuer-unreachable',
  'refresh-unavailable',
  'store-unavailable',
  'node-fault',
] as const satisfies readonly FaultReason[]

export type LoginFaultReason = (typeof loginFaultReasons)[number]

/** Reasons of the replies of the login and logout paths. */
export const loginReplyReasons = [
  'answered',
  'login-required',
  'login-begun',
  'login-choice',
  'login-switch-asked',
  'login-handed-over',
  'login-host-refused',
  'logged-in',
  'login-done-already',
  'login-unknown',
  'login-foreign',
  'login-reply-malformed',
  'login-denied',
  'login-unproven',
  'login-misconfigured',
  'login-insufficient',
  'login-logged-out',
  'login-token-unusable',
  'login-too-large',
  'logout-asked',
  'logged-out',
  'logout-token',
  'logout-subject',
  'logout-replayed',
  ...loginFaultReasons,
] as const satisfies readonly Reason[]

export type LoginReplyReason = (typeof loginReplyReasons)[number]

/** A reply of the login and logout paths. */
export interface LoginReply<R extends LoginReplyReason = LoginReplyReason> {
  readonly reason: R
  readonly status: number
  readonly fields: readonly HeaderField[]
  /** Body of the reply; `''` for a page, which the pipeline renders. */
  readonly body: string
  readonly page?: PageContent
  /** The session that the login or logout started or ended, for the audit record. */
  readonly session?: NamedSession
}

/**
 * Header fields that prevent caching and limit `Referer`, because URLs of a login have secrets in their query.
 * `no-referrer` is not used, because with it browsers send `Origin: null` for the gate's own forms.
 */
export const unkept: readonly HeaderField[] = [
  ['cache-control', 'no-store'],
  ['referrer-policy', 'same-origin'],
]

/**
 * Redirects the browser with status 303.
 *
 * @param cookies  values of `Set-Cookie` headers
 */
export function redirection<R extends LoginReplyReason>(
  reason: R,
  location: string,
  cookies: readonly string[] = [],
): LoginReply<R> {
  const fields: HeaderField[] = [...unkept, ['location', location], ...settingCookies(cookies)]
  return { reason, status: 303, fields, body: '' }
}

export function settingCookies(cookies: readonly string[]): HeaderField[] {
  return cookies.map((cookie) => ['set-cookie', cookie] as const)
}
