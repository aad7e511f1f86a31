import { addressKey } from '../../base/address-key.ts'
import { type Denial, denial } from '../../base/denial.ts'
import { GatewayFault } from '../../base/fault.ts'
import type { ClientReason, VerificationReason } from '../../base/reasons.ts'
import { ExcessQuestion } from '../../issuers/excess-question.ts'
import { readBasicCredentials } from '../../oauth/basic-credentials.ts'
import type { TokenFacts } from '../../oauth/token-facts.ts'
import type { BasicClient, HeldToken } from '../../tokens/client-tokens.ts'
import { isSafe, isSameOrigin } from '../browser/same-origin.ts'
import type { Limited, Placed } from '../exchange/exchange.ts'
import { resumed } from '../exchange/resumed.ts'

const crossSite = denial('cross-site')

type PresentDenial = Denial<'credential-missing' | 'credential-malformed' | 'cross-site'>

/**
 * Reads a client id and secret from `Authorization: Basic`. A browser that knows an id and secret sends them with every
 * request to the host. So a request with an unsafe method from a page of another origin is denied with 403.
 */
export function presentClient(x: Placed, text: string): PresentDenial | undefined {
  const { accept, denials } = x.route
  if (accept.basic === undefined) return denials.credentialMissing
  const credentials = readBasicCredentials(text)
  if (credentials === undefined) return denials.credentialMalformed
  if (!isSafe(x.method) && isFromOtherPage(x)) return crossSite
  x.client = x.gate.clientTokens.clientOf(accept.basic, credentials)
  x.scheme = 'basic'
  return undefined
}

/**
 * Whether a page of another origin made the request. Clients that are not browsers send neither `Origin` nor
 * `Sec-Fetch-Site`.
 */
function isFromOtherPage(x: Placed): boolean {
  const origin = x.head.joined('origin')
  const site = x.head.joined('sec-fetch-site')
  if (origin === undefined && (site === undefined || site === 'none')) return false
  if (origin !== undefined && x.route.cors?.replies.has(origin) === true) return false
  return !isSameOrigin(x)
}

type ClientVerdict = TokenFacts | Denial<ClientReason>

/**
 * Returns the facts of the token that the issuer grants to the caller's id and secret: synchronously when the token and
 * its facts are cached, else after calls to the issuer.
 *
 * @throws {GatewayFault} as a rejection: `issuer-unreachable`, `exchange-misconfigured`, or as the verification of the
 *   token throws
 */
export function authenticateClient(x: Limited, client: BasicClient): ClientVerdict | Promise<ClientVerdict> {
  const found = x.gate.clientTokens.find(client, x.nowMs)
  if (found === undefined) return requestToken(x, client)
  if (typeof found === 'string') return x.route.denials.client[found]
  const verified = verify(x, found)
  if (verified instanceof Promise) return resumed(x, verified, (late) => proven(x, client, found, late))
  return proven(x, client, found, verified)
}

/**
 * Returns the facts of a cached token of a caller with client id and secret. If the token is no longer valid, for
 * example because the issuer has revoked it, the gate requests another token.
 */
function proven(
  x: Limited,
  client: BasicClient,
  held: HeldToken,
  verified: TokenFacts | VerificationReason,
): TokenFacts | Promise<ClientVerdict> {
  if (typeof verified !== 'string') return accepted(x, held, verified)
  held.token = ''
  return requestToken(x, client)
}

async function requestToken(x: Limited, client: BasicClient): Promise<ClientVerdict> {
  const { addressLimit, clientTokens, knownAddresses } = x.gate
  const known = knownAddresses.has(x.address, x.nowMs)
  const granted = await clientTokens
    .request(client, { kind: 'first', address: addressKey(x.address), known })
    .catch((error: unknown) => {
      if (isCausedByClient(error)) addressLimit.charge(x.address, 'introspection')
      throw error
    })
  x.readClock()
  if (typeof granted === 'string') {
    addressLimit.charge(x.address, 'introspection')
    return x.route.denials.client[granted]
  }
  const verified = await verify(x, granted)
  x.readClock()
  if (typeof verified !== 'string') return accepted(x, granted, verified)
  addressLimit.charge(x.address, 'introspection')
  throw clientTokens.rejected(client, granted, verified)
}

/**
 * Whether a caller can cause this error with an invented client id or secret. The error is then charged to the limit of
 * the client address. For `exchange-misconfigured` this is possible: some issuers, and filters in front of them, do not
 * use the error code of a wrong secret for an unusual id or secret.
 */
function isCausedByClient(error: unknown): boolean {
  return error instanceof ExcessQuestion || (error instanceof GatewayFault && error.reason === 'exchange-misconfigured')
}

/**
 * Verifies the granted token like any other access token. The issuer granted the token to the gate, so its
 * introspection has the priority of a repeated introspection.
 */
function verify(x: Limited, { token }: HeldToken): ReturnType<Limited['gate']['verifier']['verify']> {
  return x.gate.verifier.verify(token, x.runtime.snapshot.issuers, x.nowMs, x.route.introspection)
}

function accepted(x: Limited, held: HeldToken, facts: TokenFacts): TokenFacts {
  held.facts = facts
  x.credential = held.token
  // Drop the secret: a long exchange must not keep it in memory. No other token is requested for a stream, which ends
  // with its token.
  x.client = undefined
  return facts
}
