import type { Identified, Standing } from '../exchange.ts'
import type { Phase } from '../phase.ts'
import { revocationVerdict } from '../revocation-verdict.ts'

/**
 * Refuses a revoked credential before its rights and limits are looked at. Denies 401 `invalid_token` for a revoked
 * token, on cached facts too, or a session that was ended, and 503 where the replica is too old to tell. Public routes
 * pass.
 *
 * After `authenticate`, so that a revocation during a verification is seen. `check-validity` looks again after the last
 * phase that may wait. An address that sent a valid token or session is noted as known.
 */
export const checkRevocation: Phase<Identified, Standing> = {
  name: 'check-revocation',
  waits: false,
  run(x) {
    const verdict = revocationVerdict(x)
    if (verdict === undefined && x.facts !== undefined) x.gate.knownAddresses.add(x.address, x.nowMs)
    return verdict
  },
}
