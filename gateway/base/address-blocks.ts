import { foldMapped, parseAddress } from './addresses.ts'

/** A CIDR block (RFC 4632 §3.1). */
export interface AddressBlock {
  /**
   * Network address: 4 bytes for IPv4 and for an IPv4-mapped block, else 16 bytes. All bits after the prefix are zero.
   */
  readonly bytes: Uint8Array
  /** Length of the prefix of the CIDR block within `bytes`, bits. */
  readonly bits: number
}

const prefixLength = /^(?:0|[1-9][0-9]{0,2})$/

/**
 * Parses `10.0.0.0/8`, `2001:db8::/32` or a single address. Rejects a block with bits set after the prefix:
 * `10.0.0.1/8` probably means one host, not 16 million addresses.
 */
export function parseBlock(text: string): AddressBlock | undefined {
  const [address, length, ...rest] = text.split('/')
  const written = parseAddress(address!)
  if (written === undefined || rest.length > 0) return undefined
  const width = written.length * 8
  if (length !== undefined && (!prefixLength.test(length) || Number(length) > width)) return undefined
  const bytes = foldMapped(written)
  // Rejects a prefix of an IPv4-mapped block that is shorter than `::ffff:0:0/96`: the block would cover all of IPv4
  // and more.
  const bits = (length === undefined ? width : Number(length)) - (width - bytes.length * 8)
  if (bits < 0 || bytes.some((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, bits - i * 8)))) !== 0))
    return undefined
  return { bytes, bits }
}

/** Whether the CIDR block `outer` contains every address of `inner`. */
export function holdsBlock(outer: AddressBlock, inner: AddressBlock): boolean {
  if (outer.bytes.length !== inner.bytes.length || outer.bits > inner.bits) return false
  return outer.bytes.every((byte, i) => {
    const mask = 0xff & ~(0xff >> Math.min(8, Math.max(0, outer.bits - i * 8)))
    return (inner.bytes[i]! & mask) === byte
  })
}

const whole = -1

/**
 * A set of CIDR blocks as a binary trie. A lookup takes at most one step per bit of the address, whatever the number of
 * blocks, and allocates nothing.
 */
export class BlockSet {
  /**
   * Nodes of the trie: node n has its children at 2n and 2n + 1. 0 means no child; `whole` means that every address
   * with this prefix is in the set. Root nodes: 0 for IPv4, 1 for IPv6.
   */
  readonly #children: number[] = [0, 0, 0, 0]

  constructor(blocks: readonly AddressBlock[]) {
    for (const block of blocks) this.#add(block)
  }

  #add({ bytes, bits }: AddressBlock): void {
    const children = this.#children
    let node = bytes.length === 4 ? 0 : 1
    if (bits === 0) {
      children[node * 2] = whole
      children[node * 2 + 1] = whole
      return
    }
    for (let i = 0; ; i++) {
      const at = node * 2 + bitAt(bytes, i)
      if (children[at] === whole) return
      if (i === bits - 1) {
        children[at] = whole
        return
      }
      if (children[at] === 0) {
        children[at] = children.length / 2
        children.push(0, 0)
      }
      node = children[at]!
    }
  }

  /** @param address  IPv4-mapped addresses must already be converted to IPv4 */
  holds(address: Uint8Array): boolean {
    let node = address.length === 4 ? 0 : 1
    for (let i = 0; i < address.length * 8; i++) {
      const next = this.#children[node * 2 + bitAt(address, i)]!
      if (next <= 0) return next === whole
      node = next
    }
    return false
  }
}

function bitAt(bytes: Uint8Array, index: number): number {
  return (bytes[index >> 3]! >> (7 - (index & 7))) & 1
}
