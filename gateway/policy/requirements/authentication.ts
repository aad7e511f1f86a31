import { type Denial, denial } from '../../base/denial.ts'
import { formatDuration } from '../../base/duration.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import { member } from '../../oauth/json.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { joined } from './names.ts'

/**
 * Met when the person has shown who it is in one of these ways (`acr`), and not too long ago (`auth_time`), by what the
 * issuer has signed. A token that says neither does not meet it.
 *
 * Denies 401 `insufficient_user_authentication`, saying what is wanted (RFC 9470 §3).
 */
export class Authentication implements Requirement {
  readonly demand: string
  readonly reason = 'authentication-insufficient'
  readonly parts = []
  readonly #acrValues: readonly string[] | undefined
  readonly #maxAgeS: number | undefined
  readonly #insufficient: Denial

  constructor(acrValues: readonly string[] | undefined, maxAgeMs: number | undefined) {
    const maxAge = maxAgeMs === undefined ? undefined : [formatDuration(maxAgeMs)]
    this.demand = `authentication ${joined({ acr: acrValues, 'at most ago': maxAge })}`
    this.#acrValues = acrValues
    this.#maxAgeS = maxAgeMs === undefined ? undefined : Math.ceil(maxAgeMs / 1000)
    const challenge = bearerChallenge({
      error: 'insufficient_user_authentication',
      ...(acrValues && { acr_values: acrValues.join(' ') }),
      ...(this.#maxAgeS !== undefined && { max_age: String(this.#maxAgeS) }),
    })
    const stepUp = { acrValues, maxAgeS: this.#maxAgeS }
    this.#insufficient = denial('authentication-insufficient', { challenge, stepUp })
  }

  evaluate({ token, nowMs }: RequirementInput): Denial | undefined {
    if (this.#acrValues !== undefined && (token.acr === undefined || !this.#acrValues.includes(token.acr))) {
      return this.#insufficient
    }
    if (this.#maxAgeS === undefined) return undefined
    const authTimeS = member(token.claims, 'auth_time')
    const { clockToleranceS } = token.issuer
    if (typeof authTimeS !== 'number') return this.#insufficient
    const ageS = nowMs / 1000 - authTimeS
    // One that lies ahead, as one in milliseconds does, says nothing.
    return ageS >= -clockToleranceS && ageS <= this.#maxAgeS + clockToleranceS ? undefined : this.#insufficient
  }
}
