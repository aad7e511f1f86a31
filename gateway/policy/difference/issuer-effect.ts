import { combined, type Effect, membersAdmit, moreAdmits } from './effect.ts'
import type { PolicySide } from './policy-side.ts'
import { isSame } from './policy-side.ts'

type Entry = PolicySide['document']['issuers'][string]

/**
 * For each comparable key of an issuer: the effect of its change on the tokens that are accepted. If any other key
 * changes, the effect is `incomparable`.
 */
const effects: Readonly<Record<string, (before: Entry, after: Entry) => Effect>> = {
  audience: (before, after) => membersAdmit(new Set(before.audience), new Set(after.audience)),
  algorithms: (before, after) => membersAdmit(new Set(before.algorithms), new Set(after.algorithms)),
  profile: (before, after) => moreAdmits(Number(before.profile === 'any'), Number(after.profile === 'any')),
  max_token_lifetime: (before, after) => moreAdmits(before.max_token_lifetime, after.max_token_lifetime),
  keys_stale: (before, after) => moreAdmits(before.keys_stale, after.keys_stale),
}

export interface IssuerComparison {
  readonly effect: Effect
  readonly keys: readonly string[]
}

/** Compares two entries under `issuers` of the old and the new policy. */
export function compareIssuers(
  before: { readonly side: PolicySide; readonly name: string },
  after: { readonly side: PolicySide; readonly name: string },
): IssuerComparison {
  const [printed, printedAfter] = [before.side.issuers[before.name]!, after.side.issuers[after.name]!]
  const names = new Set([...Object.keys(printed), ...Object.keys(printedAfter)])
  const keys = [...names].filter((key) => !isSame(printed[key], printedAfter[key]))
  const entry = before.side.document.issuers[before.name]!
  const entryAfter = after.side.document.issuers[after.name]!
  return { effect: combined(keys.map((key) => effects[key]?.(entry, entryAfter) ?? 'incomparable')), keys }
}
