import type { Charged, Sampled } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { sampleAdmitted } from '../trace-context.ts'

/**
 * Takes room in the trace budget for a request that is admitted, and decides by its client's sampled flag where that was left
 * open. Before `shape-request`, which tells the service of the decision. Refuses nothing; synchronous.
 */
export const sampleTrace: Phase<Charged, Sampled> = {
  name: 'sample-trace',
  waits: false,
  run(x) {
    const { tracer } = x.gate
    if (tracer !== undefined && x.sampling !== 'none') sampleAdmitted(x, tracer)
    return undefined
  },
}
