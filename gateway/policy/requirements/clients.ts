import { z } from 'zod'
import { type Denial, denial } from '../../base/denial.ts'
import { entryName } from '../../config/entry-name.ts'
import { text } from '../../config/text-schemas.ts'
import type { IssuerRules } from '../../oauth/token-facts.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { neverMet } from './any.ts'
import { formatLists } from './names.ts'
import { requirementKind } from './requirement-kind.ts'

const notAllowed = denial('client-not-allowed')

/** Schema of a client id. RFC 6749 A.1 allows visible ASCII and blanks; some issuers use URLs as client ids. */
const clientId = text('a client id, without control characters', /^[^\x00-\x1f\x7f]{1,512}$/)

export const clients = requirementKind({
  key: 'clients',
  schema: z
    .strictObject({
      any: z
        .array(clientId)
        .min(1)
        .describe(
          'Client ids, one of which must be the client of the token: `client_id`, else `azp`, or `client_claim` of the issuer.',
        ),
      issuer: entryName
        .optional()
        .describe(
          'Issuer of the clients. Optional when the service has exactly one issuer, which is then the default.',
        ),
    })
    .describe('Clients whose requests are admitted. The same client id at another issuer is another client.'),
  reasons: ['client-not-allowed'],
  compile({ any, issuer }, { names, path }) {
    const rules = names.issuerOf(issuer, path)
    return rules === undefined ? neverMet : new Clients(rules, any)
  },
  print: ({ any, issuer }, { soleIssuer }) => ({ any, issuer: issuer ?? soleIssuer }),
})

/**
 * Requirement that is met by a token that the issuer granted to one of the listed clients. A client with the same id at
 * another issuer does not meet the requirement. Denies 403 `forbidden`.
 */
class Clients implements Requirement {
  readonly demand: string
  readonly reason = 'client-not-allowed'
  readonly subRequirements = []
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
