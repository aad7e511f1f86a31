import type { Matched } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/**
 * Notes with which fields a page of another origin may read the reply, whatever comes of the exchange: a page has to see 401
 * to act on it. Refuses nobody; it is browsers that keep replies from pages.
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
