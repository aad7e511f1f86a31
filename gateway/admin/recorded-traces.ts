import { ApiProblem } from './api-problem.ts'
import type { AdminParts, TraceParts } from './parts.ts'
import { sharedParts } from './stands-alone.ts'

/** @throws {ApiProblem} 409 where nothing is recorded, or there is no Redis to keep it */
export function recordedTraces(parts: AdminParts): TraceParts {
  if (parts.traces !== undefined) return parts.traces
  // Without Redis that is the reason.
  sharedParts(parts)
  throw new ApiProblem('traces_not_kept', 'this node keeps no traces', {
    hint: 'set telemetry.traces, and its recent to more than 0, on every node',
  })
}
