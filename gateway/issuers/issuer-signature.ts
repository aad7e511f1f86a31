import { compactVerify } from 'jose'
import { GatewayFault } from '../base/fault.ts'
import type { TokenHeader } from '../oauth/access-token.ts'
import type { IssuerRules } from '../oauth/token-facts.ts'
import type { KeySource } from './key-source.ts'

/**
 * Whether a JWS in compact form is signed by a key of the issuer's own set; where none fits, the keys are fetched again,
 * at most once per cooldown. For what is no access token: those have their own way, with a cache.
 *
 * @throws {GatewayFault} as a rejection: `issuer-unreachable` when no key fits and the keys cannot be fetched, which is
 *   not the fault of who signed
 */
export async function isSignedBy(
  rules: IssuerRules,
  text: string,
  { keyId, algorithm }: TokenHeader,
  keys: KeySource,
): Promise<boolean> {
  const set = keys.keySetOf(rules)
  if (set.candidates(keyId, algorithm).length === 0 && (await set.refetch()) === 'failed') {
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
