import type { Placed, Sized } from '../exchange/exchange.ts'
import type { Phase } from '../exchange/phase.ts'

/** Denies 403 to a client whose address the route's lists do not permit. */
export const checkAddress: Phase<Sized, Placed> = {
  name: 'check-address',
  waits: false,
  run(x) {
    const { addresses, denials } = x.route
    return addresses === undefined || addresses.permits(x.address) ? undefined : denials.addressDenied
  },
}
