import type { Matched, Traced } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { joinTrace } from '../trace-context.ts'

/**
 * Continues the client's trace where the service trusts it, else begins one, and decides whether the exchange is recorded
 * (W3C Trace Context). Refuses nothing: what is malformed counts as absent.
 */
export const continueTrace: Phase<Matched, Traced> = {
  name: 'continue-trace',
  waits: false,
  run(x) {
    joinTrace(x, x.route.service.trustTrace)
    return undefined
  },
}
