import { NodePressure } from './node-pressure.ts'
import { Overload, type OverloadDependencies } from './overload.ts'
import type { OverloadLimits } from './overload-limits.ts'

/** Opens the overload protection of a node. It measures this process. */
export function openOverload(limits: OverloadLimits, log: OverloadDependencies['log']): Overload {
  return new Overload({ limits, log, pressure: new NodePressure() })
}
