import type { Admissible, Limited } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

/**
 * Denies 429 when a token needs verification and the client address has too many failed verifications. A token in the
 * cache passes: it costs nothing, and clients that share an address must not block each other. A client id and secret
 * pass when the issuer has accepted them before.
 */
export const limitAddress = phase<Admissible, Limited>()({
  name: 'limit-address',
  waits: false,
  denies: ['address-limited'],
  run(x) {
    const { addressLimit, addressLimited, verifier } = x.gate
    if (x.client !== undefined) {
      return addressLimit.exhausted(x.address) && !x.gate.clientTokens.knows(x.client) ? addressLimited : undefined
    }
    if (x.credential === '' || !addressLimit.exhausted(x.address)) return undefined
    return verifier.knows(x.credential) ? undefined : addressLimited
  },
})
