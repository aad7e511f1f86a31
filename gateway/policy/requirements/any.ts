import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { requirementKind, withoutCondition } from './requirement-kind.ts'

const unmet = denial('requirement-unmet')

export const any = requirementKind({
  key: 'any',
  schema: (requirement) =>
    z.array(requirement).min(1).describe('Met when at least one requirement of the list is met.'),
  reasons: ['requirement-unmet'],
  compile: (trees, { path, compile }) =>
    trees.length === 0 ? withoutCondition(path) : new Any(trees.map((tree, i) => compile(tree, [...path, i]))),
  print: (trees, { print }) => trees.map(print),
})

/**
 * Requirement that is met when at least one of its sub-requirements is met. If every sub-requirement lacks only scopes,
 * the denial names the scopes of the first, so that the client can request them (RFC 6750 §3.1). If a new login could
 * meet a sub-requirement, the denial demands that login (RFC 9470). Otherwise the denial is 403 `forbidden`.
 */
class Any implements Requirement {
  readonly demand = 'any of'
  readonly reason = 'requirement-unmet'
  readonly subRequirements: readonly Requirement[]

  constructor(subRequirements: readonly Requirement[]) {
    this.subRequirements = subRequirements
  }

  evaluate(input: RequirementInput): Denial | undefined {
    let first: Denial | undefined
    let mended: Denial | undefined
    let onlyScopes = true
    for (const requirement of this.subRequirements) {
      const denied = requirement.evaluate(input)
      if (denied === undefined) return undefined
      first ??= denied
      if (denied.stepUp !== undefined || denied.reason === 'session-of-other-issuer') mended ??= denied
      if (denied.reason !== 'scope-missing') onlyScopes = false
    }
    return onlyScopes && first !== undefined ? first : (mended ?? unmet)
  }
}

/**
 * Placeholder for a requirement that uses an unknown name. The unknown name has been reported as a problem, so the
 * policy is rejected.
 */
export const neverMet: Requirement = new Any([])
