import type { Confirmed, Unrevoked } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { confirmationReasons, confirmationVerdict } from '../identity/confirmation-methods.ts'

/**
 * Admits a bound token only from a caller that proves possession of its key (RFC 7800). Denies 401 `invalid_token` for
 * a missing or wrong proof. A bearer token and a login session need no proof.
 *
 * Runs after the token was validated and found unrevoked, so that only the holder of a valid token causes the work of a
 * proof. The address of the caller is then recorded as known. Synchronous; allocates nothing for a bearer token.
 */
export const provePossession = phase<Unrevoked, Confirmed>()({
  name: 'prove-possession',
  waits: false,
  denies: confirmationReasons,
  run(x) {
    const denied = confirmationVerdict(x)
    if (denied === undefined && x.facts !== undefined) x.gate.knownAddresses.add(x.address, x.nowMs)
    return denied
  },
})
