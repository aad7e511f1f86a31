import type { RouteWebSocket } from '../../policy/snapshot.ts'
import type { Matched } from '../exchange/exchange.ts'
import type { WebSocketHandshake } from '../exchange/request-head.ts'

/**
 * Prefix of a WebSocket subprotocol that carries a token. The token in base64url, without padding, follows the prefix.
 */
const tokenPrefix = 'gatehouse.bearer.'
/** The gate's own WebSocket subprotocol, for clients that use no subprotocol of the service. */
const ownProtocol = 'gatehouse'

/** Matches visible ASCII without space. Only such a token can be sent in a header field. */
const visible = /^[\x21-\x7e]+$/

/**
 * Sorts the offered WebSocket subprotocols into subprotocols for the service, the gate's own subprotocol, and tokens.
 * Tokens are offered as subprotocols because a browser cannot set `Authorization` on a WebSocket handshake. No route
 * forwards such a token.
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

/**
 * Decodes a token that was offered as WebSocket subprotocol. @returns `undefined` unless the text is the canonical
 * base64url form of visible ASCII
 */
export function decodedToken(encoded: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64url')
  const token = bytes.toString('latin1')
  // Compare with the encoded form: the decoder of Node.js also accepts padding, the alphabet of plain base64, and
  // unused bits that are set.
  return bytes.toString('base64url') === encoded && visible.test(token) ? token : undefined
}
