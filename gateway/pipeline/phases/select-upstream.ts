import type { Credentialed, Selected } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

/** Selects the upstream for the request. */
export const selectUpstream = phase<Credentialed, Selected>()({
  name: 'select-upstream',
  waits: false,
  denies: [],
  run(x) {
    x.target = x.runtime.balancers[x.route.service.index]!.next()
    return undefined
  },
})
