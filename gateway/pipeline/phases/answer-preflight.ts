import { denial, type HeaderField } from '../../base/denial.ts'
import { refusedBy } from '../../policy/path-form.ts'
import type { Answer } from '../exchange/answer.ts'
import type { Resolved } from '../exchange/exchange.ts'
import { findRoute } from '../exchange/find-route.ts'
import { phase } from '../exchange/phase.ts'
import type { Verdict } from '../exchange/steps.ts'

/** One denial for all refused preflights, so that a page cannot discover which routes exist. */
const refused = denial('preflight-refused')

/**
 * Answers a CORS preflight (Fetch §3.2.2) for the route of the request that the browser announces. A preflight carries
 * no credential, so an authenticated service behind the gate could not answer it.
 *
 * If the announced request's route has no CORS policy, a route that matches OPTIONS handles the preflight as an
 * ordinary request. Denies 403 to all other preflights, and to origins and methods that are not listed.
 */
export const answerPreflight = phase<Resolved, Resolved>()({
  name: 'answer-preflight',
  waits: false,
  denies: ['preflight-refused'],
  answers: ['answered'],
  run(x) {
    if (x.method !== 'OPTIONS') return undefined
    const origin = x.head.field('origin')
    const method = x.head.field('access-control-request-method')
    return origin === undefined || method === undefined ? undefined : preflight(x, origin, method)
  },
})

function preflight(x: Resolved, origin: string, method: string): Verdict<'preflight-refused', 'answered'> {
  const route = findRoute(x, method)
  if ('reason' in route || route.cors === undefined) {
    return 'reason' in findRoute(x, 'OPTIONS') ? refused : undefined
  }
  const { cors, addresses, service } = route
  if (refusedBy(service, x.path) !== undefined || addresses?.permits(x.address) === false) return refused
  if (!cors.methods.has(method)) return refused
  const fields = cors.preflights.get(origin)
  return fields === undefined ? refused : emptyAnswer(fields)
}

function emptyAnswer(fields: readonly HeaderField[]): Answer<'answered'> {
  return { answer: true, reason: 'answered', status: 200, fields, body: '' }
}
