import { BlockSet, parseBlock } from './address-blocks.ts'
import { foldMapped, isUnknownAddress } from './addresses.ts'

interface AddressLists {
  /**
   * CIDR blocks or single addresses. If present, only clients in these blocks are admitted; an empty list admits no
   * client.
   */
  readonly allow?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
}

/** Allow and deny lists for client addresses. `deny` takes precedence over `allow`. */
export class AddressList {
  readonly #allow: BlockSet | undefined
  readonly #deny: BlockSet

  private constructor(allow: BlockSet | undefined, deny: BlockSet) {
    this.#allow = allow
    this.#deny = deny
  }

  /** @throws {RangeError} for an invalid block; the policy's schema rejects invalid blocks earlier */
  static compile({ allow, deny }: AddressLists): AddressList {
    return new AddressList(allow && new BlockSet(allow.map(readBlock)), new BlockSet((deny ?? []).map(readBlock)))
  }

  /**
   * Whether a client is admitted. A client with an unknown address is never admitted, because `deny` might list its
   * address.
   *
   * @param address  4 or 16 bytes; an IPv4-mapped address counts as IPv4. Memory is allocated only to convert such an
   *   address
   */
  permits(address: Uint8Array): boolean {
    return this.verdict(address) === true
  }

  /**
   * Whether the lists admit a client address, like `permits`, but returns `undefined` for a client with an unknown
   * address.
   */
  verdict(address: Uint8Array): boolean | undefined {
    const folded = foldMapped(address)
    if (isUnknownAddress(folded)) return undefined
    return !this.#deny.holds(folded) && (this.#allow === undefined || this.#allow.holds(folded))
  }
}

function readBlock(text: string) {
  const block = parseBlock(text)
  if (block === undefined) throw new RangeError(`${text} is not an IP address or CIDR block`)
  return block
}
