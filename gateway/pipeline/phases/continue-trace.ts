import type { Matched, Traced } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { joinTrace } from '../exchange/trace-context.ts'

/**
 * Continues the client's trace if the service trusts it, or else starts a new trace (W3C Trace Context). Decides
 * whether the exchange is traced. Refuses nothing: a malformed `traceparent` is ignored.
 */
export const continueTrace = phase<Matched, Traced>()({
  name: 'continue-trace',
  waits: false,
  denies: [],
  run(x) {
    joinTrace(x, x.route.service.trustTrace)
    return undefined
  },
})
