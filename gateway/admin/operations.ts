import type { Operation } from './operation.ts'
import { acceptLoss } from './operations/accept-loss.ts'
import { describeApi } from './operations/describe-api.ts'
import { endSessions } from './operations/end-sessions.ts'
import { listLimits } from './operations/list-limits.ts'
import { listNodes } from './operations/list-nodes.ts'
import { listSessions } from './operations/list-sessions.ts'
import { resetLimit } from './operations/reset-limit.ts'
import { revoke } from './operations/revoke.ts'
import { showStatus } from './operations/show-status.ts'

/** The admin API: this list and nothing else. */
export const operations: readonly Operation[] = [
  showStatus,
  listNodes,
  acceptLoss,
  revoke,
  listLimits,
  resetLimit,
  listSessions,
  endSessions,
  describeApi(() => operations),
]
