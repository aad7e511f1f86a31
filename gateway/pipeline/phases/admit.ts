import type { Admissible, Presented } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { callerKindOf } from '../identity/caller-kind.ts'

/**
 * Denies 503 when the node is overloaded, before the request costs a signature check or a call. What the node knows about
 * the caller, and the priority of the route, decide which requests are shed first. Counts the admitted exchange as in
 * flight until its end. Synchronous; only looks up caches, and only under pressure; allocates nothing.
 */
export const admit = phase<Presented, Admissible>()({
  name: 'admit',
  waits: false,
  denies: ['overloaded'],
  run(x) {
    const { overload } = x.gate
    if (overload.isWary) {
      const refused = overload.refuse(callerKindOf(x), x.route.priority, x.address)
      if (refused !== undefined) return refused
    }
    overload.enter(x)
    return undefined
  },
})
