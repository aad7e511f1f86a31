import { compactVerify } from 'jose'
import { GatewayFault } from '../base/fault.ts'
import type { TokenHeader } from '../oauth/access-token.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { JwtSender, KeySource } from './key-source.ts'

/**
 * Whether a JWS in compact form is signed by a key of the issuer's own set. Where none fits, the keys are fetched again; a
 * fetch that is too recent delays that, since a login or a logout that is refused is lost. Not for access tokens: the
 * verifier has a cache, and their clients can try again.
 *
 * @throws {GatewayFault} as a rejection: `issuer-unreachable` when no key fits and the keys cannot be fetched, which is
 *   not the fault of who signed
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
    throw new GatewayFault('issuer-unreachable', 'issuer', `the keys of issuer ${rules.name} cannot be fetched`)
  }
  for (const { cryptoKey } of set.candidates(keyId, algorithm)) {
    try {
      await compactVerify(text, cryptoKey, { algorithms: [algorithm] })
      return true
    } catch {
      // The next one may have signed it.
    }
  }
  return false
}
