import type { HeaderField } from '../../base/denial.ts'
import type { AdmittedCheck } from '../../ext-authz/check-response.ts'
import type { Answer } from '../exchange/answer.ts'
import type { Answered, Credentialed, Valid } from '../exchange/exchange.ts'
import { FieldKind } from '../exchange/field-kind.ts'
import { phase } from '../exchange/phase.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import { fieldsToRemove } from '../forward-auth/check-removals.ts'
import { statedIdentity } from '../forward-auth/stated-identity.ts'
import { cookieField, withoutOwnCookies } from '../identity/cookie-field.ts'

const noStore: HeaderField = ['cache-control', 'no-store']

const fixedKinds: ReadonlySet<FieldKind> = new Set([
  FieldKind.host,
  FieldKind.contentLength,
  FieldKind.transferEncoding,
])

/**
 * Tells the proxy that the request is admitted. The reply contains the identity fields that `shape-request` would send
 * to the service. The reply also lists the client's fields that the proxy must remove.
 */
export const answerCheck = phase<Valid<Credentialed>, Answered>()({
  name: 'answer-check',
  waits: false,
  denies: [],
  answers: ['admitted'],
  run(x): Answer<'admitted'> {
    const { gate, head, route } = x
    const { passHeaders, credentialFields } = route.service
    const forClient = fieldsForClient(x)
    const forService = fieldsForService(x)
    // Ignore `Connection` in a check over HTTP: it is about the connection between the proxy and the gate.
    const connectionFields = x.asked === undefined ? [] : connectionFieldsOf(head)
    const certificateField = gate.clientCertificates?.fieldName
    const removed = fieldsToRemove(forService, passHeaders, credentialFields, certificateField, connectionFields)
    const removals: HeaderField = ['x-envoy-auth-headers-to-remove', removed.join(',')]
    const fields = [noStore, ...forClient, ...forService, removals]
    return {
      answer: true,
      reason: 'admitted',
      status: 200,
      fields,
      body: '',
      check: withoutEmpty({ forService, removed, forClient }),
    }
  },
})

/**
 * Lists fields with an empty value as fields to remove, in the reply to an ext_authz check. Over HTTP, a proxy could
 * not distinguish an empty field from a missing field.
 */
function withoutEmpty({ forService, removed, forClient }: AdmittedCheck): AdmittedCheck {
  const empty = forService.filter(([, value]) => value === '').map(([name]) => name)
  if (empty.length === 0) return { forService, removed, forClient }
  return { forService: forService.filter(([, value]) => value !== ''), removed: [...removed, ...empty], forClient }
}

/**
 * Returns the names of the client's fields that the proxy must not forward, because the client's `Connection` field
 * names them (RFC 9110 §7.6.1). Omits `Host` and the fields that frame the body, which the proxy itself sets.
 */
function connectionFieldsOf({ names, kinds, connectionNames }: RequestHead): string[] {
  if (connectionNames === undefined) return []
  return names.filter((name, i) => connectionNames.has(name) && !fixedKinds.has(kinds[i]!))
}

function fieldsForClient({ proof, rateLimit, route }: Valid<Credentialed>): HeaderField[] {
  const fields: HeaderField[] = []
  if (proof?.nonce !== undefined) fields.push(['dpop-nonce', proof.nonce])
  if (rateLimit !== '') fields.push(['ratelimit', rateLimit], ['ratelimit-policy', route.limits!.policyField])
  return fields
}

function fieldsForService({ head, facts, route, upstreamCredential }: Valid<Credentialed>): HeaderField[] {
  const fields: HeaderField[] = []
  if (facts !== undefined) fields.push(...statedIdentity(facts, route.service.identityFields))
  if (upstreamCredential !== undefined) fields.push([route.credential.field!, upstreamCredential])
  const cookies = cookieField(head)
  // Send the field `Cookie` even if nothing was removed from it. Otherwise a proxy could not distinguish unchanged
  // cookies from no cookies.
  if (cookies !== '') fields.push(['cookie', withoutOwnCookies(cookies)])
  return fields
}
