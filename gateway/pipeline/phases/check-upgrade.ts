import { denial } from '../../base/denial.ts'
import type { Traced, Upgradable } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { sortOffers } from '../identity/websocket-offers.ts'
import { isAllowedOrigin, originRefused } from '../identity/websocket-origin.ts'

const unsupported = denial('upgrade-unsupported')

/**
 * Decides, before the credential is read, whether the route allows a WebSocket from the origin of the request. Denies
 * 501 on a route without `websocket`, and 403 for an origin that is not allowed. The origin is checked, because
 * browsers let any page open a WebSocket to any host, with the cookies of the user (RFC 6455 §10.2).
 */
export const checkUpgrade = phase<Traced, Upgradable>()({
  name: 'check-upgrade',
  waits: false,
  denies: ['upgrade-unsupported', 'origin-refused'],
  run(x) {
    const { handshake } = x.head
    if (handshake === undefined) return undefined
    const { websocket } = x.route
    if (websocket === undefined) return unsupported
    const origin = x.head.field('origin')
    if (origin !== undefined && !isAllowedOrigin(x, websocket, origin)) return originRefused
    sortOffers(x, websocket, handshake)
    return undefined
  },
})
