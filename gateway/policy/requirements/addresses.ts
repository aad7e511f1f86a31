import { AddressList } from '../../base/address-list.ts'
import { type Denial, denial } from '../../base/denial.ts'
import { type AddressLists, addressLists } from '../address-lists.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { formatNamedLists } from './names.ts'
import { requirementKind } from './requirement-kind.ts'

const denied = denial('address-denied')

export const addresses = requirementKind({
  key: 'addresses',
  schema: addressLists.describe('Addresses from which requests are admitted or rejected.'),
  reasons: ['address-denied'],
  compile: (lists, { negated }) => new Addresses(lists, negated),
})

/**
 * Requirement that is met when the client address is within `allow`, if set, and not within `deny`. Denies 403
 * `forbidden`.
 *
 * An unknown client address always leads to a denial. The requirement then counts as unmet, or as met inside an odd
 * number of `not`.
 */
class Addresses implements Requirement {
  readonly demand: string
  readonly reason = 'address-denied'
  readonly subRequirements = []
  readonly #list: AddressList
  readonly #ifUnknown: Denial | undefined

  /** @param negated  true inside an odd number of `not`, where an unmet requirement helps the client */
  constructor(lists: AddressLists, negated: boolean) {
    this.demand = `addresses ${formatNamedLists({ allow: lists.allow, deny: lists.deny })}`
    this.#list = AddressList.compile(lists)
    this.#ifUnknown = negated ? undefined : denied
  }

  evaluate({ address }: RequirementInput): Denial | undefined {
    const permitted = this.#list.verdict(address)
    if (permitted === undefined) return this.#ifUnknown
    return permitted ? undefined : denied
  }
}
