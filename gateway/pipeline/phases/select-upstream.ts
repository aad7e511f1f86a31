import type { Recorded, Selected } from '../exchange/exchange.ts'
import type { Phase } from '../exchange/phase.ts'

/** Selects the upstream for the request. */
export const selectUpstream: Phase<Recorded, Selected> = {
  name: 'select-upstream',
  waits: false,
  run(x) {
    x.target = x.runtime.balancers[x.route.service.index]!.next()
    return undefined
  },
}
