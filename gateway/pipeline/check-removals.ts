import type { Field } from '../base/denial.ts'
import { identityPrefixes, statementFields } from '../base/statement-fields.ts'

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

/** Whether a field states an identity in the way of another product, under a name that is not on the list. */
export function isForeignIdentity(name: string): boolean {
  return !unsayable.has(name) && identityPrefixes.some((prefix) => name.startsWith(prefix))
}

/**
 * Names of the fields that the proxy has to remove from the request, with commas between.
 *
 * @param stated  fields of the reply, which replace those of the client
 * @param passed  fields that the service gets as the client sent them (`pass_headers`)
 */
export function unstated(stated: readonly Field[], passed: ReadonlySet<string> | undefined): string {
  const removed = new Set(unsayable)
  for (const [name] of stated) removed.delete(name)
  for (const name of passed ?? []) removed.delete(name)
  return [...removed].join(',')
}
