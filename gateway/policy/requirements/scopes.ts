import { type Denial, denial } from '../../base/denial.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { containsNames, formatLists, namesIn } from './names.ts'
import type { NamedSet } from './requirement-entry.ts'

/**
 * Met by scopes of the token, compared exactly (RFC 6749 §3.3).
 *
 * Denies 403 `insufficient_scope` with every scope that this requirement names (RFC 6750 §3.1).
 */
export class Scopes implements Requirement {
  readonly demand: string
  readonly reason = 'scope-missing'
  readonly parts = []
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
