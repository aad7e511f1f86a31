import type { Operation } from './operation.ts'
import { abortRollout } from './operations/abort-rollout.ts'
import { acceptLoss } from './operations/accept-loss.ts'
import { applyPolicy } from './operations/apply-policy.ts'
import { checkNode } from './operations/check-node.ts'
import { comparePolicy } from './operations/compare-policy.ts'
import { describeApi } from './operations/describe-api.ts'
import { drainUpstream } from './operations/drain-upstream.ts'
import { endSessions } from './operations/end-sessions.ts'
import { endStreams } from './operations/end-streams.ts'
import { explainRequest } from './operations/explain-request.ts'
import { followAudit } from './operations/follow-audit.ts'
import { forgetAuditSink } from './operations/forget-audit-sink.ts'
import { listAuditSinks } from './operations/list-audit-sinks.ts'
import { listClusterStreams } from './operations/list-cluster-streams.ts'
import { listExpiries } from './operations/list-expiries.ts'
import { listKeys } from './operations/list-keys.ts'
import { listLimits } from './operations/list-limits.ts'
import { listNodes } from './operations/list-nodes.ts'
import { listQueues } from './operations/list-queues.ts'
import { listRevisions } from './operations/list-revisions.ts'
import { listSecrets } from './operations/list-secrets.ts'
import { listSessions } from './operations/list-sessions.ts'
import { listStreams } from './operations/list-streams.ts'
import { listTraces } from './operations/list-traces.ts'
import { listUpstreams } from './operations/list-upstreams.ts'
import { promoteRollout } from './operations/promote-rollout.ts'
import { replayAudit } from './operations/replay-audit.ts'
import { resetLimit } from './operations/reset-limit.ts'
import { revoke } from './operations/revoke.ts'
import { rollbackPolicy } from './operations/rollback-policy.ts'
import { rotateKey } from './operations/rotate-key.ts'
import { searchAudit } from './operations/search-audit.ts'
import { showExchange } from './operations/show-exchange.ts'
import { showRevision } from './operations/show-revision.ts'
import { showRollout } from './operations/show-rollout.ts'
import { showStatus } from './operations/show-status.ts'
import { showTrace } from './operations/show-trace.ts'
import { showTraffic } from './operations/show-traffic.ts'
import { tailAudit } from './operations/tail-audit.ts'
import { undrainUpstream } from './operations/undrain-upstream.ts'
import { verifyAudit } from './operations/verify-audit.ts'

/** All operations of the admin API. */
export const operations: readonly Operation[] = [
  showStatus,
  listNodes,
  listQueues,
  listExpiries,
  checkNode,
  acceptLoss,
  explainRequest,
  comparePolicy,
  applyPolicy,
  rollbackPolicy,
  listRevisions,
  showRevision,
  showRollout,
  promoteRollout,
  abortRollout,
  revoke,
  listLimits,
  resetLimit,
  listTraces,
  showTrace,
  showTraffic,
  searchAudit,
  followAudit,
  tailAudit,
  showExchange,
  listAuditSinks,
  forgetAuditSink,
  replayAudit,
  verifyAudit,
  listSessions,
  endSessions,
  listStreams,
  listClusterStreams,
  endStreams,
  listUpstreams,
  drainUpstream,
  undrainUpstream,
  listKeys,
  rotateKey,
  listSecrets,
  describeApi(() => operations),
]
