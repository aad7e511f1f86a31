import { BlockSet, parseBlock } from './address-blocks.ts'
import { foldMapped, isUnknownAddress } from './addresses.ts'

interface AddressLists {
  /** CIDR blocks or single addresses. Present: nobody else is admitted, and an empty list admits nobody. */
  readonly allow?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
}

/** Who may come, by client address. `deny` wins over `allow`. */
export class AddressList {
  readonly #allow: BlockSet | undefined
  readonly #deny: BlockSet

  private constructor(allow: BlockSet | undefined, deny: BlockSet) {
    this.#allow = allow
    this.#deny = deny
  }

  /** @throws {RangeError} on what is no block; the policy's schema has looked before. */
  static compile({ allow, deny }: AddressLists): AddressList {
    return new AddressList(allow && new BlockSet(allow.map(readBlock)), new BlockSet((deny ?? []).map(readBlock)))
  }

  /**
   * Never a client that is unknown: it may be whom `deny` means.
   *
   * @param address  4 or 16 bytes; a mapped IPv4 address counts as IPv4. Allocates only to fold.
   */
  permits(address: Uint8Array): boolean {
    return this.judge(address) === true
  }

  /** The same; `undefined` for a client that is unknown. */
  judge(address: Uint8Array): boolean | undefined {
    const folded = foldMapped(address)
    if (isUnknownAddress(folded)) return undefined
    return !this.#deny.holds(folded) && (this.#allow === undefined || this.#allow.holds(folded))
  }
}

function readBlock(text: string) {
  const block = parseBlock(text)
  if (block === undefined) throw new RangeError(`${text} is not an address block`)
  return block
}
