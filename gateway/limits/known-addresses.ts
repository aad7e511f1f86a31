import { randomInt } from 'node:crypto'

/** Number of slots in which one address can be stored. */
const WAYS = 4
/**
 * Number of 32-bit words in a slot: two for the address, one for its family and for the time when it was last added.
 */
const SLOT_WORDS = 3
/**
 * Bit that is set in the third word of the entry for an IPv4 address, so that it never equals the entry for an IPv6
 * /64.
 */
const IPV4 = 0x8000_0000
const KNOWN_S = 600
const ENTRIES = 65_536

/**
 * Set of the IPv4 addresses and IPv6 /64s that sent a valid token or login session to this node in the last 10 minutes.
 *
 * The table has a fixed size: 65,536 addresses, 768 KiB. Each address has 4 possible slots and replaces the entry that
 * was added longest ago. Only a valid token or session adds an address, so unauthenticated clients cannot evict known
 * addresses. The methods `add` and `has` need a few comparisons and allocate nothing. The caller passes the time, ms
 * since the epoch.
 */
export class KnownAddresses {
  readonly #words: Uint32Array
  readonly #setMask: number
  /** Start of the stored time in s since the epoch. Times since the epoch itself would exceed 31 bits in 2038. */
  readonly #originS: number
  /** Random seed of the hash, so that clients cannot predict which slots an address has. */
  readonly #seed = randomInt(2 ** 32)

  /** @param entries  maximum number of addresses, rounded up to a power of two, at least 4 */
  constructor(nowMs = Date.now(), entries = ENTRIES) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, entries / WAYS)))
    this.#setMask = sets - 1
    this.#words = new Uint32Array(sets * WAYS * SLOT_WORDS)
    this.#originS = Math.floor(nowMs / 1000) - KNOWN_S
  }

  /**
   * Adds an address to the known addresses, or renews its time.
   *
   * @param address  4 or 16 bytes; an IPv4-mapped address must be converted to IPv4
   */
  add(address: Uint8Array, nowMs: number): void {
    const words = this.#words
    const high = highOf(address)
    const low = lowOf(address)
    const family = familyOf(address)
    const first = this.#firstSlot(high, low)
    let chosen = first
    let oldestS = Number.POSITIVE_INFINITY
    for (let at = first; at < first + WAYS * SLOT_WORDS; at += SLOT_WORDS) {
      const added = words[at + 2]!
      if (added !== 0 && words[at] === high && words[at + 1] === low && (added & IPV4) >>> 0 === family) {
        chosen = at
        break
      }
      const addedS = added & ~IPV4
      if (addedS >= oldestS) continue
      oldestS = addedS
      chosen = at
    }
    words[chosen] = high
    words[chosen + 1] = low
    words[chosen + 2] = family + this.#secondOf(nowMs)
  }

  /**
   * Whether the address was added to the known addresses in the last 10 minutes.
   *
   * @param address  4 or 16 bytes; an IPv4-mapped address must be converted to IPv4
   */
  has(address: Uint8Array, nowMs: number): boolean {
    const words = this.#words
    const high = highOf(address)
    const low = lowOf(address)
    const family = familyOf(address)
    const first = this.#firstSlot(high, low)
    for (let at = first; at < first + WAYS * SLOT_WORDS; at += SLOT_WORDS) {
      const added = words[at + 2]!
      if (added === 0 || words[at] !== high || words[at + 1] !== low || (added & IPV4) >>> 0 !== family) continue
      // Compare the absolute value of the age: it is negative if the clock was set back.
      return Math.abs(this.#secondOf(nowMs) - (added & ~IPV4)) < KNOWN_S
    }
    return false
  }

  #secondOf(nowMs: number): number {
    return Math.min(Math.max(1, Math.floor(nowMs / 1000) - this.#originS), IPV4 - 1)
  }

  #firstSlot(high: number, low: number): number {
    const hash = Math.imul(high ^ this.#seed, 0x9e37_79b1) ^ Math.imul(low ^ (this.#seed >>> 7), 0x85eb_ca6b)
    return ((hash ^ (hash >>> 15)) & this.#setMask) * WAYS * SLOT_WORDS
  }
}

function wordAt(address: Uint8Array, at: number): number {
  return ((address[at]! << 24) | (address[at + 1]! << 16) | (address[at + 2]! << 8) | address[at + 3]!) >>> 0
}

const highOf = (address: Uint8Array): number => wordAt(address, 0)
const lowOf = (address: Uint8Array): number => (address.length === 4 ? 0 : wordAt(address, 4))
const familyOf = (address: Uint8Array): number => (address.length === 4 ? IPV4 : 0)
