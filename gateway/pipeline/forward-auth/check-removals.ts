import type { HeaderField } from '../../base/denial.ts'
import { identityPrefixes, statementFields } from '../../base/statement-fields.ts'
import type { IdentityField } from '../../policy/identity-field.ts'
import { foldedName } from '../exchange/field-kind.ts'

/**
 * Header fields that a client is not allowed to send to a service, unless the gate sets them. The list matches
 * docs/guide/forward-auth.md, which says which fields each proxy must remove.
 */
const gateFields: ReadonlySet<string> = new Set([
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
  // Fields in which Envoy, Traefik and RFC 9440 state client certificates.
  'x-forwarded-client-cert',
  'x-forwarded-tls-client-cert',
  'x-forwarded-tls-client-cert-info',
  'client-cert',
  'client-cert-chain',
  'proxy',
])

/**
 * Matches names of fields that carry an identity, for services behind Gatehouse and services that were behind
 * oauth2-proxy.
 */
const identity = /^x-(?:gatehouse-|auth-request-|forwarded-(?:user|email|groups|preferred-username|access-token)$)/

/** Whether a field carries an identity but is missing in the list of fields that proxies remove. */
export function isUnlistedIdentity(name: string): boolean {
  return identity.test(name) && !gateFields.has(name)
}

/**
 * Whether a field carries an identity in another product's format, but is missing in the list of fields that proxies
 * remove.
 */
export function isForeignIdentity(name: string): boolean {
  return !gateFields.has(name) && identityPrefixes.some((prefix) => name.startsWith(prefix))
}

/**
 * Whether a client sent an identity field of this service that the proxy will not remove: only the gate may state an
 * identity in such a field. Detects the name of the field and its aliases, and skips the names that every proxy
 * removes.
 */
export function forgesIdentity(names: readonly string[], fields: readonly IdentityField[]): boolean {
  return names.some((name) => {
    const folded = foldedName(name)
    return fields.some((field) => field.name === folded && (name !== folded || !gateFields.has(name)))
  })
}

/**
 * Names of the fields that the proxy must remove from the client's request.
 *
 * @param stated  fields of the reply to the forward-auth check, which replace the client's fields
 * @param passed  fields that the service receives as the client sent them (`pass_headers`)
 * @param credentials  fields that only the gate sets for this service, because a credential uses them
 * @param certificateField  field in which the proxy states the certificate of a client to the gate
 * @param connectionFields  fields that the client's `Connection` names, also if they are passed
 */
export function fieldsToRemove(
  stated: readonly HeaderField[],
  passed: ReadonlySet<string> | undefined,
  credentials: ReadonlySet<string> | undefined,
  certificateField: string | undefined,
  connectionFields: readonly string[],
): string[] {
  const removed = new Set([...gateFields, ...(credentials ?? [])])
  if (certificateField !== undefined) removed.add(certificateField)
  for (const name of passed ?? []) removed.delete(name)
  for (const name of connectionFields) removed.add(name)
  for (const [name] of stated) removed.delete(name)
  return [...removed]
}
