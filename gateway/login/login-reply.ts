import type { Field } from '../base/denial.ts'
import type { Reason } from '../base/reasons.ts'
import type { NamedSession } from '../sessions/session.ts'

/** What a browser is answered around a login. */
export interface LoginReply {
  readonly reason: Reason
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: string
  /** Begun or ended by it; for the record. */
  readonly session?: NamedSession
}

/**
 * Neither kept by anybody, nor told to the next site: addresses around a login have secrets in their query. Not
 * `no-referrer`, with which browsers hide from us too that a form is ours (`Origin: null`).
 */
export const unkept: readonly Field[] = [
  ['cache-control', 'no-store'],
  ['referrer-policy', 'same-origin'],
]

/** @param cookies  values of `Set-Cookie` */
export function redirection(reason: Reason, location: string, cookies: readonly string[] = []): LoginReply {
  const fields: Field[] = [...unkept, ['location', location], ...settingCookies(cookies)]
  return { reason, status: 303, fields, body: '' }
}

export function settingCookies(cookies: readonly string[]): Field[] {
  return cookies.map((cookie) => ['set-cookie', cookie] as const)
}
