import type { Charged, Sampled } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { sampleAdmitted } from '../exchange/trace-context.ts'

/**
 * Reserves trace budget for an admitted request. If sampling is pending, the client's sampled flag or trace id decides
 * whether the request is traced. Runs before `shape-request`, which sends the decision to the service. Refuses nothing;
 * synchronous.
 */
export const sampleTrace = phase<Charged, Sampled>()({
  name: 'sample-trace',
  waits: false,
  denies: [],
  run(x) {
    const { tracer } = x.gate
    if (tracer !== undefined && x.sampling !== 'none') sampleAdmitted(x, tracer)
    return undefined
  },
})
