import { compactVerify } from 'jose'
import { GatewayFault } from '../base/fault.ts'
import type { TokenHeader } from '../oauth/access-token.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { JwtSender, KeySource } from './key-source.ts'

/**
 * Whether a compact JWS is signed by a key of the issuer's own key set. If no key matches, the keys are fetched again.
 * If the last fetch was so recent that the keys must not be fetched yet, the call waits (for at most 1 s if the issuer
 * sent the JWT to the gate), because a refused login or logout cannot be repeated. Do not use this function for access
 * tokens: their verifier has a cache, and clients can retry.
 *
 * @throws {GatewayFault} `issuer-unreachable`, as a rejected promise, when no key matches and the keys cannot be
 *   fetched; the signature can then still be valid
 */
export async function isSignedBy(
  rules: IssuerRules,
  text: string,
  { keyId, algorithm }: TokenHeader,
  keys: KeySource,
  sender: JwtSender,
): Promise<boolean> {
  const set = keys.keySetOf(rules)
  if (set.candidates(keyId, algorithm).length === 0 && (await set.refetchFor(sender)) === 'failed') {
    throw new GatewayFault('issuer-unreachable', 'issuer', `the signing keys of issuer ${rules.name} cannot be fetched`)
  }
  for (const { cryptoKey } of set.candidates(keyId, algorithm)) {
    try {
      await compactVerify(text, cryptoKey, { algorithms: [algorithm] })
      return true
    } catch {
      // Try the next key: the signature of the JWT was not made with this key.
    }
  }
  return false
}
