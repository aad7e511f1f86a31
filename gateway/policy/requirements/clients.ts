import { type Denial, denial } from '../../base/denial.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatLists } from './names.ts'

const notAllowed = denial('client-not-allowed')

/**
 * Met by a token that the issuer granted to one of these clients. A client with the same name at another issuer does
 * not meet it. Denies 403 `forbidden`.
 */
export class Clients implements Requirement {
  readonly demand: string
  readonly reason = 'client-not-allowed'
  readonly parts = []
  readonly #issuer: IssuerRules
  readonly #names: ReadonlySet<string>

  constructor(issuer: IssuerRules, any: readonly string[]) {
    this.demand = `clients of ${issuer.name} ${formatLists({ any })}`
    this.#issuer = issuer
    this.#names = new Set(any)
  }

  evaluate({ token }: RequirementInput): Denial | undefined {
    const { client } = token
    return client !== undefined && token.issuer === this.#issuer && this.#names.has(client) ? undefined : notAllowed
  }
}
