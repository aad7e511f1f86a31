import { type Denial, denial, type Field } from '../../base/denial.ts'
import { refusedBy } from '../../policy/path-form.ts'
import type { Answer } from '../answer.ts'
import type { Resolved } from '../exchange.ts'
import { findRoute } from '../find-route.ts'
import type { Phase } from '../phase.ts'

/** One for all: a page is not to learn what there is. */
const refused = denial('preflight-refused')

/**
 * Answers a preflight (Fetch §3.2.2) for the route that the request behind it would take. Preflights carry no credential, so
 * that a service behind the gate cannot answer them.
 *
 * Where that route shares nothing, a route that matches OPTIONS gets the preflight as any other request: its service may
 * answer it. Denies 403 to all others, and to origins and methods that are not listed.
 */
export const answerPreflight: Phase<Resolved, Resolved> = {
  name: 'answer-preflight',
  waits: false,
  run(x) {
    if (x.method !== 'OPTIONS') return undefined
    const origin = x.head.field('origin')
    const method = x.head.field('access-control-request-method')
    return origin === undefined || method === undefined ? undefined : preflight(x, origin, method)
  },
}

function preflight(x: Resolved, origin: string, method: string): Denial | Answer | undefined {
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

function emptyAnswer(fields: readonly Field[]): Answer {
  return { answer: true, reason: 'answered', status: 200, fields, body: '' }
}
