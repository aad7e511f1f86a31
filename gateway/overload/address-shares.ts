import { randomInt } from 'node:crypto'

/** Number of counters for client addresses. Two addresses can share a counter, and then also share its maximum. */
const COUNTERS = 4096
/** Share of the requests counted in the previous period that one address may send in a period, from 0 to 1. */
const SHARE = 1 / 8
/** Number of requests that one address may always send in a period. */
const ALWAYS = 16

/**
 * Counts the requests of callers that are known by their address alone, by IPv4 address or IPv6 /64, in periods. An
 * address above its share counts as a stranger for the rest of the period, so that an attacker at a known address does
 * not displace the callers at other known addresses. The memory is fixed, 16 KiB; a request costs one hash.
 */
export class AddressShares {
  readonly #counts = new Uint32Array(COUNTERS)
  /** Random seed of the hash, so that clients cannot predict which addresses share a counter. */
  readonly #seed = randomInt(2 ** 32)
  #total = 0
  #max = ALWAYS

  /**
   * Counts a request of an address.
   *
   * @param address  4 or 16 bytes; an IPv4-mapped address must be converted to IPv4
   * @returns false when the address is above its share
   */
  take(address: Uint8Array): boolean {
    const at = this.#indexOf(address)
    if (this.#counts[at]! >= this.#max) return false
    this.#counts[at]!++
    this.#total++
    return true
  }

  /** Begins a new period: resets the counters, and computes the maximum of an address. */
  renew(): void {
    this.#max = Math.max(ALWAYS, this.#total * SHARE)
    if (this.#total === 0) return
    this.#total = 0
    this.#counts.fill(0)
  }

  #indexOf(address: Uint8Array): number {
    const length = address.length === 4 ? 4 : 8
    let hash = this.#seed ^ length
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ address[i]!, 0x0100_0193)
    return (hash ^ (hash >>> 15)) & (COUNTERS - 1)
  }
}
