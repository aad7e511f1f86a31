import { type Denial, denial } from '../../base/denial.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'

const challenge = bearerChallenge()
const missing = denial('session-missing', { challenge })
const ofAnother = denial('session-of-other-issuer', { challenge })

/**
 * Met by a login session of this issuer. A bearer token never meets it. Denies 401 `login_required`; a browser is
 * redirected to the login instead.
 */
export class LoginSession implements Requirement {
  readonly demand: string
  readonly reason = 'session-missing'
  readonly parts = []
  readonly #issuer: IssuerRules

  constructor(issuer: IssuerRules) {
    this.demand = `login session of ${issuer.name}`
    this.#issuer = issuer
  }

  evaluate({ loginIssuer }: RequirementInput): Denial | undefined {
    if (loginIssuer === this.#issuer) return undefined
    return loginIssuer === undefined ? missing : ofAnother
  }
}
