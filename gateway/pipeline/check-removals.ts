import type { Field } from '../base/denial.ts'
import { statementFields } from '../base/statement-fields.ts'

/** What a client may not tell a service, unless the gate states it: as docs/forward-auth.md lists it for the proxies. */
const unsayable: ReadonlySet<string> = new Set([
  'authorization',
  'dpop',
  'x-gatehouse-jwt-assertion',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-auth-request-preferred-username',
  'x-auth-request-groups',
  'x-auth-request-redirect',
  ...statementFields,
  'x-forwarded-prefix',
  'x-forwarded-uri',
  'x-forwarded-method',
  'client-cert',
  'client-cert-chain',
  'proxy',
])

/** Everything of this form says who asks: to services of the gate, and to those that were behind oauth2-proxy. */
const identity = /^x-(?:gatehouse-|auth-request-|forwarded-(?:user|email|groups|preferred-username|access-token)$)/

/** Whether a field says who asks under a name that is not on the list, so that no proxy takes it out. */
export function isUnlistedIdentity(name: string): boolean {
  return identity.test(name) && !unsayable.has(name)
}

/** The fields that the proxy has to take out of the request: names, with commas between. */
export function unstated(stated: readonly Field[]): string {
  const removed = new Set(unsayable)
  for (const [name] of stated) removed.delete(name)
  return [...removed].join(',')
}
