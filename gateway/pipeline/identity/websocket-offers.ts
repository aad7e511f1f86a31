import type { RouteWebSocket } from '../../policy/snapshot.ts'
import type { Matched } from '../exchange/exchange.ts'
import type { WebSocketHandshake } from '../exchange/request-head.ts'

/** Prefix of the subprotocol that carries a token: base64url of the token without padding follows. */
const tokenPrefix = 'gatehouse.bearer.'
/** The gate's own subprotocol, for clients that need none of the service. */
const ownProtocol = 'gatehouse'

/** Visible ASCII without space: the token can be sent in a header field. */
const visible = /^[\x21-\x7e]+$/

/**
 * Sorts the offered subprotocols into those for the service, the gate's own, and tokens. A browser cannot set
 * `Authorization` on a WebSocket handshake. A token is never forwarded, on no route.
 */
export function sortOffers(
  x: Matched,
  { tokenInProtocol, subprotocols }: RouteWebSocket,
  { protocols }: WebSocketHandshake,
): void {
  const offers: string[] = []
  for (const protocol of protocols) {
    if (protocol.startsWith(tokenPrefix)) {
      if (tokenInProtocol) x.offeredTokens = [...x.offeredTokens, protocol.slice(tokenPrefix.length)]
    } else if (tokenInProtocol && protocol === ownProtocol) x.ownProtocol = ownProtocol
    else if (subprotocols === undefined || subprotocols.has(protocol)) offers.push(protocol)
  }
  x.offers = offers
}

/** @returns `undefined` unless this is the one base64url encoding of a token */
export function decodedToken(encoded: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64url')
  const token = bytes.toString('latin1')
  // The decoder also accepts padding, other alphabets and surplus bits.
  return bytes.toString('base64url') === encoded && visible.test(token) ? token : undefined
}
