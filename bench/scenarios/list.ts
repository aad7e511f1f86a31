import type { Scenario } from '../harness/scenario.ts'
import { admission } from './admission.ts'
import { audit } from './audit.ts'
import { cold } from './cold.ts'
import { hot } from './hot.ts'
import { latency } from './latency.ts'
import { limited } from './limited.ts'
import { memoryUse } from './memory.ts'
import { opaque } from './opaque.ts'
import { refused } from './refused.ts'
import { replica } from './replica.ts'
import { revocation } from './revocation.ts'
import { sessionCookie } from './session.ts'
import { startUp } from './start.ts'
import { streaming } from './streaming.ts'
import { swap } from './swap.ts'
import { telemetry } from './telemetry.ts'
import { tls } from './tls.ts'

/**
 * Scenarios of the suite in their order. A new scenario needs a file in this folder, a line in this list, and budgets
 * in budgets.ts.
 */
export const scenarios: readonly Scenario[] = [
  hot,
  cold,
  opaque,
  sessionCookie,
  refused,
  limited,
  admission,
  latency,
  tls,
  telemetry,
  audit,
  streaming,
  swap,
  revocation,
  startUp,
  replica,
  memoryUse,
]
