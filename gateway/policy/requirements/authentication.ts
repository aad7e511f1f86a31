import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { formatDuration } from '../../base/duration.ts'
import { duration, text } from '../../config/text-schemas.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import { member } from '../../oauth/json.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatNamedLists } from './names.ts'
import { combinedKind } from './requirement-kind.ts'

/**
 * Schema of an `acr` value. The gate sends the value in a challenge and in a URL, so blanks, quotes and backslashes are
 * excluded.
 */
const acrValue = text(
  'an authentication context class (acr): visible ASCII without blanks, quotes and backslashes',
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
)

export const authentication = combinedKind({
  schemas: {
    acr: z
      .array(acrValue)
      .min(1)
      .describe(
        'Accepted authentication classes, in order of preference: `acr` of the token or the login must be one of them ' +
          '(RFC 9470). Can be combined with max_age.',
      ),
    max_age: duration({ min: '1s', max: '366d' }).describe(
      'Maximum time since the user authenticated, by `auth_time` (RFC 9470). 1s to 366d. Can be combined with acr.',
    ),
  },
  reasons: ['authentication-insufficient'],
  compile: ({ acr, max_age }) => new Authentication(acr, max_age),
  print: ({ acr, max_age }) => ({
    ...(acr && { acr }),
    ...(max_age !== undefined && { max_age: formatDuration(max_age) }),
  }),
})

/**
 * Requirement that is met when the user authenticated with one of the listed classes (`acr`), and recently enough
 * (`auth_time`). Both values must come from a signed token or from the issuer's introspection response. A token without
 * these values does not meet the requirement.
 *
 * Denies 401 `insufficient_user_authentication` with the required values (RFC 9470 §3).
 */
class Authentication implements Requirement {
  readonly demand: string
  readonly reason = 'authentication-insufficient'
  readonly subRequirements = []
  readonly #acrValues: readonly string[] | undefined
  readonly #maxAgeS: number | undefined
  readonly #insufficient: Denial

  constructor(acrValues: readonly string[] | undefined, maxAgeMs: number | undefined) {
    const maxAge = maxAgeMs === undefined ? undefined : [formatDuration(maxAgeMs)]
    this.demand = `authentication ${formatNamedLists({ acr: acrValues, 'at most ago': maxAge })}`
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
    // Reject an `auth_time` in the future. For example, the issuer may have sent milliseconds instead of seconds.
    return ageS >= -clockToleranceS && ageS <= this.#maxAgeS + clockToleranceS ? undefined : this.#insufficient
  }
}
