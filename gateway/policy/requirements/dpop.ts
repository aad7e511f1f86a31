import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { dpopChallenge } from '../../oauth/challenge.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { conditionText, requirementKind } from './requirement-kind.ts'

const unbound = denial('dpop-required', { challenge: dpopChallenge({ error: 'invalid_token' }) })

export const dpop = requirementKind({
  key: 'dpop',
  schema: z
    .literal(true)
    .describe(
      'The token must be bound to a key of the client, and each request must prove possession of this key (DPoP, RFC ' +
        '9449). A stolen token is then useless without the key. A bearer token and a login session get 401.',
    ),
  reasons: ['dpop-required'],
  compile: () => new BoundToken(),
})

/** Text of the condition `dpop: true` (only tokens that are bound to a key), as `conditionsOf` writes it. */
export const dpopCondition = conditionText('requirement', { dpop: true })

/**
 * Requirement that is met by a token that is bound to the key of DPoP proofs. `prove-possession` has already checked the
 * proof. Denies 401 `invalid_token` with a DPoP challenge.
 */
class BoundToken implements Requirement {
  readonly demand = 'a token bound to the key of the DPoP proof'
  readonly reason = 'dpop-required'
  readonly subRequirements = []

  evaluate({ token }: RequirementInput): Denial | undefined {
    return token.confirmation?.jkt === undefined ? unbound : undefined
  }
}
