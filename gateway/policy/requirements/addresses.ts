import { AddressList } from '../../base/address-list.ts'
import { type Denial, denial } from '../../base/denial.ts'
import type { AddressLists } from '../../config/address-lists.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { joined } from './names.ts'

const denied = denial('address-denied')

/**
 * Met by the client's address: within `allow`, where there is one, and not within `deny`. Denies 403 `forbidden`.
 *
 * An address that is unknown counts for the refusal: as one that does not meet it, and under `not` as one that does.
 */
export class Addresses implements Requirement {
  readonly demand: string
  readonly reason = 'address-denied'
  readonly parts = []
  readonly #list: AddressList
  readonly #ifUnknown: Denial | undefined

  /** @param negated  whether the client gains by not meeting it */
  constructor(lists: AddressLists, negated: boolean) {
    this.demand = `addresses ${joined({ allow: lists.allow, deny: lists.deny })}`
    this.#list = AddressList.compile(lists)
    this.#ifUnknown = negated ? undefined : denied
  }

  evaluate({ address }: RequirementInput): Denial | undefined {
    const permitted = this.#list.judge(address)
    if (permitted === undefined) return this.#ifUnknown
    return permitted ? undefined : denied
  }
}
