import { type Denial, denial } from '../../base/denial.ts'
import { entryName } from '../../config/entry-name.ts'
import { bearerChallenge } from '../../oauth/challenge.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { neverMet } from './any.ts'
import { requirementKind } from './requirement-kind.ts'

const challenge = bearerChallenge()
const missing = denial('session-missing', { challenge })
const ofAnother = denial('session-of-other-issuer', { challenge })

export const session = requirementKind({
  key: 'session',
  schema: entryName.describe(
    'Name of an issuer with `login`: the request needs a login session of that issuer. A browser without one is ' +
      'redirected to the login; any other client gets 401.',
  ),
  reasons: ['session-missing', 'session-of-other-issuer'],
  compile(name, { names, path }) {
    const rules = names.loginIssuer(name, path)
    return rules === undefined ? neverMet : new LoginSession(rules)
  },
})

/**
 * Requirement that is met by a login session of the named issuer. A bearer token never meets it. Denies 401
 * `login_required`; a browser is redirected to the login instead.
 */
class LoginSession implements Requirement {
  readonly demand: string
  readonly reason = 'session-missing'
  readonly subRequirements = []
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
