import { refusedFromMs } from '../oauth/access-token.ts'
import type { Recorded } from './exchange.ts'
import { expiredWhileWaiting } from './expired-while-waiting.ts'
import { revocationVerdict } from './revocation-verdict.ts'
import { countsIn } from './session-credential.ts'
import type { Verdict } from './steps.ts'

/**
 * Whether the credential still holds at this moment: revocation, session end, expiry, and the freshness of the replica.
 * `check-validity` asks before the request is forwarded or a check is answered, and `forward` asks again before a retry
 * and before it writes to a connection that it first had to open.
 *
 * 401 for a revoked token or an ended session, 503 for a stale replica. An expiry between `authenticate` and now is 503,
 * never 401: the credential was good when it arrived, and the wait was not the client's. Synchronous; reads the clocks
 * each time.
 */
export function validityVerdict(x: Recorded): Verdict {
  const { facts, session } = x
  if (facts === undefined) return undefined
  x.readClock()
  const revoked = revocationVerdict(x)
  if (revoked !== undefined) return revoked
  if (x.nowMs >= refusedFromMs(facts)) return expiredWhileWaiting
  if (session !== undefined && !countsIn(x.runtime.snapshot, session, x.nowMs)) return expiredWhileWaiting
  return undefined
}
