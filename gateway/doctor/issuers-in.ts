import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Snapshot } from '../policy/snapshot.ts'

/** Returns the issuers of the policy to check; none when the policy is invalid or cannot be read. */
export function issuersIn(snapshot: Snapshot | undefined): readonly IssuerRules[] {
  return [...(snapshot?.issuers.values() ?? [])]
}
