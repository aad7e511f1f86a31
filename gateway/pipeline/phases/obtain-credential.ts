import type { Denial } from '../../base/denial.ts'
import type { Obtained } from '../../policy/services/credentials/service-credential.ts'
import type { Credentialed, Recorded } from '../exchange/exchange.ts'
import { waitingPhase } from '../exchange/phase.ts'
import { resumed } from '../exchange/resumed.ts'

/**
 * Makes the credential that the service receives, of the kind that the route or its service sets. Synchronous, and
 * without an allocation for a promise, unless the credential must first be requested from an issuer.
 *
 * Signs an identity assertion if the service wants one, and the token has none cached or half of the cached assertion's
 * lifetime has passed. An assertion that expires together with its token is not renewed.
 */
export const obtainCredential = waitingPhase<Recorded, Credentialed>()({
  name: 'obtain-credential',
  waits: 'for the issuer of the credential, when this node has none',
  denies: ['exchange-refused'],
  throws: [
    'issuer-unreachable',
    'exchange-misconfigured',
    'upstream-credential-unavailable',
    'upstream-credential-misconfigured',
  ],
  run(x) {
    const obtained = x.route.credential.obtain(x, x.gate)
    if (obtained instanceof Promise) return resumed(x, obtained, (late) => given(x, late))
    return given(x, obtained)
  },
})

function given(x: Recorded, obtained: Obtained): Denial<'exchange-refused'> | undefined {
  if (typeof obtained === 'object') return obtained
  x.upstreamCredential = obtained
  return undefined
}
