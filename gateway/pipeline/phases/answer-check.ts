import type { HeaderField } from '../../base/denial.ts'
import type { Answer } from '../exchange/answer.ts'
import type { Answered, Charged, Credentialed, Valid } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import { fieldsToRemove } from '../forward-auth/check-removals.ts'
import { authRequestFields } from '../forward-auth/stated-identity.ts'
import { cookieField, withoutOwnCookies } from '../identity/cookie-field.ts'

const noStore: HeaderField = ['cache-control', 'no-store']

/**
 * Tells the proxy that the request is admitted. The reply contains the identity fields that `shape-request` would send
 * to the service. The reply also lists the client's fields that the proxy must remove.
 */
export const answerCheck = phase<Valid<Credentialed>, Answered>()({
  name: 'answer-check',
  waits: false,
  denies: [],
  answers: ['admitted'],
  run(x) {
    const { facts, route, upstreamCredential } = x
    const fields: HeaderField[] = [noStore]
    if (x.proof?.nonce !== undefined) fields.push(['dpop-nonce', x.proof.nonce])
    if (x.rateLimit !== '') {
      fields.push(['ratelimit', x.rateLimit], ['ratelimit-policy', route.limits!.policyField])
    }
    if (facts !== undefined && route.service.authRequestHeaders) fields.push(...authRequestFields(facts))
    if (upstreamCredential !== undefined) fields.push([route.credential.field!, upstreamCredential])
    return passed(x, fields)
  },
})

function passed({ gate, head, route }: Charged, stated: readonly HeaderField[]): Answer<'admitted'> {
  const { passHeaders, credentialFields } = route.service
  const fields = [...stated, ...otherCookies(head)]
  const removals: HeaderField = [
    'x-envoy-auth-headers-to-remove',
    fieldsToRemove(fields, passHeaders, credentialFields, gate.clientCertificates?.fieldName),
  ]
  return { answer: true, reason: 'admitted', status: 200, fields: [...fields, removals], body: '' }
}

/**
 * A `Cookie` field without the gate's own cookies, with which the proxy replaces the client's field. The field is sent
 * even if nothing was removed: without it, a proxy could not distinguish "unchanged" from "no cookies left".
 */
function otherCookies(head: RequestHead): HeaderField[] {
  const cookies = cookieField(head)
  return cookies === '' ? [] : [['cookie', withoutOwnCookies(cookies)]]
}
