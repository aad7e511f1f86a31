import { readAuthorization } from '../../oauth/bearer.ts'
import type { RequestHead } from '../exchange/request-head.ts'
import { decodedToken } from './websocket-offers.ts'

/**
 * Matches the parameter `access_token` in a query. A token in the query is not accepted (RFC 9700 §4.3.2). Together
 * with an `Authorization` field, the parameter counts as a second credential (RFC 6750 §2).
 */
const tokenInQuery =
  /(?:^|&)(?:a|%61)(?:c|%63){2}(?:e|%65)(?:s|%73){2}(?:_|%5f)(?:t|%74)(?:o|%6f)(?:k|%6b)(?:e|%65)(?:n|%6e)=/i

export type CredentialReason =
  | 'credential-missing'
  | 'credential-malformed'
  | 'credential-repeated'
  | 'subprotocol-missing'

/** The parts of a request that may contain a credential. */
interface Presentation {
  readonly head: RequestHead
  readonly query: string | undefined
  readonly offers: readonly string[]
  readonly ownProtocol: string
  readonly offeredTokens: readonly string[]
}

/** A token and the scheme with which the client presented the token. */
export interface PresentedToken {
  readonly scheme: 'bearer' | 'dpop' | 'basic'
  /** The token; with the scheme `basic`, the client id and secret in base64. */
  readonly token: string
}

/** Returns the token of a request, or the reason why the request has no usable token. */
export function presentedToken(x: Presentation): PresentedToken | CredentialReason {
  const { head, query } = x
  if (x.offeredTokens.length > 0) return offeredToken(x)
  if (head.authorization === undefined) return 'credential-missing'
  const read = readAuthorization(head.authorization)
  if (typeof read === 'string') return read
  if (query !== undefined && tokenInQuery.test(query)) return 'credential-repeated'
  const { scheme, token } = read
  return scheme === 'bearer' || scheme === 'dpop' || scheme === 'basic' ? { scheme, token } : 'credential-missing'
}

/**
 * Finds the token among the WebSocket subprotocols. The gate never selects the token as subprotocol, so the client must
 * offer another subprotocol too.
 */
function offeredToken(x: Presentation): PresentedToken | CredentialReason {
  const { head, query, offers, ownProtocol, offeredTokens } = x
  const inQuery = query !== undefined && tokenInQuery.test(query)
  if (offeredTokens.length > 1 || head.authorization !== undefined || inQuery) return 'credential-repeated'
  if (offers.length === 0 && ownProtocol === '') return 'subprotocol-missing'
  const token = decodedToken(offeredTokens[0]!)
  return token === undefined ? 'credential-malformed' : { scheme: 'bearer', token }
}
