import type { Limited, Presented } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/**
 * Denies 429 to a token that would have to be verified, from an address that has run up too many failed verifications.
 * A known token goes on: it costs nothing, and behind a shared address somebody's mistakes are not everybody's.
 */
export const limitAddress: Phase<Presented, Limited> = {
  name: 'limit-address',
  waits: false,
  run(x) {
    const { addressLimit, addressLimited, verifier } = x.gate
    if (x.credential === '' || !addressLimit.exhausted(x.address)) return undefined
    return verifier.knows(x.credential) ? undefined : addressLimited
  },
}
