import type { IssuerRules } from '../oauth/token-facts.ts'
import type { Snapshot } from './snapshot.ts'

/** The lists of issuers that routes of a policy ask about opaque tokens, without duplicates and empty lists. */
export function askedIssuers({ routes }: Snapshot): readonly (readonly IssuerRules[])[] {
  return [...new Set(routes.map(({ introspection }) => introspection.asked))].filter((list) => list.length > 0)
}
