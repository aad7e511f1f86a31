import type { Matched } from '../exchange/exchange.ts'
import type { Phase } from '../exchange/phase.ts'

/**
 * Selects the CORS fields of the response, also for refusals: a page must be able to read a 401 to react to it. Refuses
 * nothing, because browsers enforce CORS.
 */
export const allowOrigin: Phase<Matched, Matched> = {
  name: 'allow-origin',
  waits: false,
  run(x) {
    const { cors } = x.route
    if (cors === undefined) return undefined
    const origin = x.head.field('origin')
    x.originFields = (origin === undefined ? undefined : cors.replies.get(origin)) ?? cors.otherReplies
    return undefined
  },
}
