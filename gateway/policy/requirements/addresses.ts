import { AddressList } from '../../base/address-list.ts'
import { type Denial, denial } from '../../base/denial.ts'
import type { AddressLists } from '../../config/address-lists.ts'
import type { Requirement, RequirementInput } from '../snapshot.ts'
import { joined } from './names.ts'

const denied = denial('address-denied')

/** Met by the client's address: within `allow`, where there is one, and not within `deny`. Denies 403 `forbidden`. */
export class Addresses implements Requirement {
  readonly demand: string
  readonly reason = 'address-denied'
  readonly parts = []
  readonly #list: AddressList

  constructor(lists: AddressLists) {
    this.demand = `addresses ${joined({ allow: lists.allow, deny: lists.deny })}`
    this.#list = AddressList.compile(lists)
  }

  evaluate({ address }: RequirementInput): Denial | undefined {
    return this.#list.permits(address) ? undefined : denied
  }
}
