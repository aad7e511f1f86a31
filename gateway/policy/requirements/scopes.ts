import { type Denial, denial } from '../../base/denial.ts'
import { text } from '../../config/text-schemas.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { conditionsOfNames, containsNames, formatLists, type NamedSet, namedSet, namesIn } from './names.ts'
import { requirementKind } from './requirement-kind.ts'

/** Scope name (RFC 6749 §3.3): visible ASCII without the quotation mark and the backslash. */
const scopeName = text(
  'a scope: visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)

export const scopes = requirementKind({
  key: 'scopes',
  schema: namedSet(scopeName).describe(
    'Scopes of the token. A request without a required scope gets 403 insufficient_scope.',
  ),
  reasons: ['scope-missing'],
  compile(names, context) {
    // Collect the scope only outside `not`: a client must not request a scope that the policy forbids.
    if (!context.negated) for (const scope of namesIn(names)) context.names.scopeNamed(scope)
    return new Scopes(names)
  },
  conditions: (names) => conditionsOfNames('scopes', names),
})

/**
 * Requirement that is met by scopes of the token, compared exactly (RFC 6749 §3.3).
 *
 * Denies 403 `insufficient_scope` with every scope that this requirement names (RFC 6750 §3.1).
 */
class Scopes implements Requirement {
  readonly demand: string
  readonly reason = 'scope-missing'
  readonly subRequirements = []
  readonly #names: NamedSet
  readonly #missing: Denial

  constructor(names: NamedSet) {
    this.demand = `scopes ${formatLists(names)}`
    this.#names = names
    const challenge = bearerChallenge({ error: 'insufficient_scope', scope: namesIn(names).join(' ') })
    this.#missing = denial('scope-missing', { challenge })
  }

  evaluate({ token }: RequirementInput): Denial | undefined {
    return containsNames(token.scopes, this.#names) ? undefined : this.#missing
  }
}
