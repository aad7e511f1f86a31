import type { Denial } from '../../base/denial.ts'
import { withDpopScheme } from '../../oauth/challenge.ts'
import type { Exchange } from './exchange.ts'

/**
 * Adapts the challenges of a refusal to the scheme of the credential: a client that presented a token with the scheme
 * DPoP must authenticate with DPoP again (RFC 9449 §7.1). Bearer challenges are built when the policy is compiled.
 */
export function adaptToScheme({ scheme, route }: Exchange, refusal: Denial): Denial {
  if (refusal.challenges.length === 0 || (scheme !== 'dpop' && route?.dpopRequired !== true)) return refusal
  return { ...refusal, challenges: [...new Set(refusal.challenges.map(withDpopScheme))] }
}
