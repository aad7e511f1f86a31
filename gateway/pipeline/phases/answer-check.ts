import type { Field } from '../../base/denial.ts'
import type { Answer } from '../answer.ts'
import { unstated } from '../check-removals.ts'
import { cookieField, withoutOwnCookies } from '../cookie-field.ts'
import type { Answered, Charged, Recorded, Valid } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import type { RequestHead } from '../request-head.ts'
import { authRequestFields } from '../stated-identity.ts'

const noStore: Field = ['cache-control', 'no-store']

/**
 * Tells the proxy that the request may pass, and what the service is to be told of who asks: what `shape-request` would
 * have put into the request. A proxy that can be told so takes out of the request what its client may not say.
 */
export const answerCheck: Phase<Valid<Recorded>, Answered> = {
  name: 'answer-check',
  waits: false,
  run(x) {
    const { facts, derived, route } = x
    const fields: Field[] = [noStore]
    if (x.rateLimit !== '') {
      fields.push(['ratelimit', x.rateLimit], ['ratelimit-policy', route.limits!.policyField])
    }
    if (facts === undefined || derived === undefined) return passed(x, fields)
    const { service } = route
    if (service.authRequestHeaders) fields.push(...authRequestFields(facts))
    if (service.credentials === 'token') fields.push(['authorization', `Bearer ${x.credential}`])
    if (service.credentials !== 'assertion') return passed(x, fields)
    fields.push(['x-gatehouse-jwt-assertion', x.gate.signer!.assertion(facts, derived, service.id, x.nowMs)])
    return passed(x, fields)
  },
}

function passed({ head, route }: Charged, stated: readonly Field[]): Answer {
  const fields = [...stated, ...otherCookies(head)]
  const removals: Field = ['x-envoy-auth-headers-to-remove', unstated(fields, route.service.passHeaders)]
  return { answer: true, reason: 'admitted', status: 200, fields: [...fields, removals], body: '' }
}

/**
 * For the proxy to put in the place of what the client sent: the gate's own cookies are for nobody else. Stated also where
 * none was taken out, since a proxy that finds no field could not tell that from nothing left.
 */
function otherCookies(head: RequestHead): Field[] {
  const cookies = cookieField(head)
  return cookies === '' ? [] : [['cookie', withoutOwnCookies(cookies)]]
}
