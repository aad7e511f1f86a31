import { denial } from '../../base/denial.ts'
import type { Traced, Upgradable } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { sortOffers } from '../identity/websocket-offers.ts'
import { isAllowedOrigin, originRefused } from '../identity/websocket-origin.ts'

const unsupported = denial('upgrade-unsupported')

/**
 * Decides, before the credential is read, whether the route allows a WebSocket from the origin of the request. Denies
 * 501 on a route without `websocket`, and 403 for an origin that is not allowed. The origin is checked, because
 * browsers let any page open a WebSocket to any host, with the cookies of the user (RFC 6455 §10.2). The handshake of a
 * forward-auth check arrives without `Upgrade`; `Sec-WebSocket-Key` shows that the proxy was asked for a WebSocket.
 */
export const checkUpgrade = phase<Traced, Upgradable>()({
  name: 'check-upgrade',
  waits: false,
  denies: ['upgrade-unsupported', 'origin-refused'],
  run(x) {
    const { handshake } = x.head
    if (handshake === undefined) return x.checkPath === undefined ? undefined : checkedOrigin(x)
    const { websocket } = x.route
    if (websocket === undefined) return unsupported
    const origin = x.head.field('origin')
    if (origin !== undefined && !isAllowedOrigin(x, websocket.origins, origin)) return originRefused
    sortOffers(x, websocket, handshake)
    return undefined
  },
})

const noOrigins: ReadonlySet<string> = new Set()

/** Denies the WebSocket of a forward-auth check from an origin that is not allowed. Programs send no `Origin`. */
function checkedOrigin(x: Traced): typeof originRefused | undefined {
  if (x.head.field('sec-websocket-key') === undefined) return undefined
  const origin = x.head.joined('origin')
  if (origin === undefined || isAllowedOrigin(x, x.route.websocket?.origins ?? noOrigins, origin)) return undefined
  return originRefused
}
