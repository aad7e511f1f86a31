import { randomInt } from 'node:crypto'
import { refusedFromMs } from '../oauth/access-token.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'

/** Number of slots in which a token can be stored. */
const ways = 4

/**
 * Number of characters near the end of the token that select the slots; in a JWT they belong to the signature. The last
 * character is excluded, because it carries fewer bits.
 */
const hashedChars = 10

/**
 * Cache of the facts of verified tokens, keyed by the full token text. The table has a fixed size. Each token can
 * occupy one of 4 slots, selected by 10 characters near its end. A hit requires an equal full text.
 *
 * The caller must check whether an entry is still valid (expiry, key, policy).
 */
export class FactsCache {
  readonly #tokens: (string | undefined)[]
  readonly #facts: (TokenFacts | undefined)[]
  /**
   * Last use of each slot, as the value of a counter of uses. The last element is the counter itself. When the counter
   * wraps around, the order of last use becomes less exact, without further harm.
   */
  readonly #used: Uint32Array
  readonly #setMask: number
  #taken = 0
  /** Random seed, so that clients cannot predict in which slots a token is stored. */
  readonly #seed = randomInt(2 ** 32)

  /**
   * Creates an empty cache.
   *
   * @param entries  number of slots, rounded up to a power of two, at least 4
   */
  constructor(entries: number) {
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, entries / ways)))
    this.#setMask = sets - 1
    this.#tokens = new Array<string | undefined>(sets * ways).fill(undefined)
    this.#facts = new Array<TokenFacts | undefined>(sets * ways).fill(undefined)
    this.#used = new Uint32Array(sets * ways + 1)
  }

  get capacity(): number {
    return this.#tokens.length
  }

  /** Number of occupied slots. Invalid entries count too, because they are overwritten and never swept. */
  get size(): number {
    return this.#taken
  }

  /** Looks a token up in the cache. Allocates no memory, because every request calls it. */
  find(token: string): TokenFacts | undefined {
    const first = this.#firstSlot(token)
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#tokens[slot] === token) {
        this.#touch(slot)
        return this.#facts[slot]
      }
    }
    return undefined
  }

  /**
   * Stores the facts of a token: in the slot of the token if it has one, or else in an empty or invalid slot, or else
   * in the least recently used slot.
   */
  insert(token: string, facts: TokenFacts, nowMs: number): void {
    const slot = this.#slotFor(token, nowMs)
    if (this.#tokens[slot] === undefined) this.#taken++
    // Copy the token: a slice of the request head would keep the whole head in memory.
    if (this.#tokens[slot] !== token) this.#tokens[slot] = Buffer.from(token, 'latin1').toString('latin1')
    this.#facts[slot] = facts
    this.#touch(slot)
  }

  /** Removes a token from the cache. Exchanges that already have the facts of the token keep them. */
  remove(token: string): void {
    const first = this.#firstSlot(token)
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#tokens[slot] !== token) continue
      this.#tokens[slot] = undefined
      this.#facts[slot] = undefined
    }
  }

  #slotFor(token: string, nowMs: number): number {
    const first = this.#firstSlot(token)
    let chosen = first
    let chosenRank = Number.POSITIVE_INFINITY
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#tokens[slot] === token) return slot
      const facts = this.#facts[slot]
      const alive = facts?.key.live === true && !facts.revocation.revoked && nowMs < refusedFromMs(facts)
      const rank = alive ? this.#used[slot]! : -1
      if (rank < chosenRank) {
        chosen = slot
        chosenRank = rank
      }
    }
    return chosen
  }

  #firstSlot(token: string): number {
    let hash = this.#seed
    const end = token.length - 1
    for (let i = Math.max(0, end - hashedChars); i < end; i++) hash = Math.imul(hash ^ token.charCodeAt(i), 0x01000193)
    // Mix in the high bits: in a product, only the high bits depend on every hashed character.
    return ((hash ^ (hash >>> 15)) & this.#setMask) * ways
  }

  #touch(slot: number): void {
    const clock = this.#used.length - 1
    this.#used[slot] = ++this.#used[clock]!
  }
}
