import type { Placed, Sized } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

/** Denies 403 to a client whose address is not permitted by the route's address lists. */
export const checkAddress = phase<Sized, Placed>()({
  name: 'check-address',
  waits: false,
  denies: ['address-denied'],
  run(x) {
    const { addresses, denials } = x.route
    return addresses === undefined || addresses.permits(x.address) ? undefined : denials.addressDenied
  },
})
