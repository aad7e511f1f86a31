import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Snapshot } from './snapshot.ts'

/** Returns the distinct lists of issuers at which routes of the policy introspect opaque tokens. */
export function askedIssuers({ routes }: Snapshot): readonly (readonly IssuerRules[])[] {
  return [...new Set(routes.map(({ introspection }) => introspection.asked))].filter((list) => list.length > 0)
}
