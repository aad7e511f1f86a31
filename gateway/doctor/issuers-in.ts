import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Snapshot } from '../policy/snapshot.ts'

/** The issuers of the policy; none when there is no policy. */
export function issuersIn(snapshot: Snapshot | undefined): readonly IssuerRules[] {
  return [...(snapshot?.issuers.values() ?? [])]
}
