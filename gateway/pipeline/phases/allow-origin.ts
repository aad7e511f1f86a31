import type { Matched } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

/**
 * Selects the CORS fields of the response. Refusals get CORS fields too, because a page must be able to read a 401 to
 * react to it. This phase refuses nothing, because browsers enforce CORS.
 */
export const allowOrigin = phase<Matched, Matched>()({
  name: 'allow-origin',
  waits: false,
  denies: [],
  run(x) {
    const { cors } = x.route
    if (cors === undefined) return undefined
    const origin = x.head.field('origin')
    x.originFields = (origin === undefined ? undefined : cors.replies.get(origin)) ?? cors.otherReplies
    return undefined
  },
})
