import { randomInt } from 'node:crypto'
import { refusedFromMs } from '../oauth/access-token.ts'
import type { TokenFacts } from '../oauth/token-facts.ts'

/** Slots that a token may take. */
const ways = 4

/** Characters of the signature that choose them, before the last one, which has fewer bits. */
const hashedChars = 10

/**
 * Facts of verified tokens, found by the whole text of the token. A table of fixed size: each token may take one of 4
 * slots, chosen by a few characters of its signature. Those are no proof, and the comparison of the whole text is.
 *
 * Holds what it was given: whether an entry still counts (expiry, key, policy) is the caller's to judge.
 */
export class FactsCache {
  readonly #tokens: (string | undefined)[]
  readonly #facts: (TokenFacts | undefined)[]
  /** When each slot was last used, by a counter in the last element. It wraps, which only blurs what is least recent. */
  readonly #used: Uint32Array
  readonly #setMask: number
  #taken = 0
  /** Keeps the places of tokens from being known outside. */
  readonly #seed = randomInt(2 ** 32)

  /** @param entries  rounded up to a power of two, at least 4 */
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

  /** Entries, dead ones included: they are overwritten, never swept. */
  get size(): number {
    return this.#taken
  }

  /** Allocates nothing. */
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
   * Keeps the facts of a token, in its own slot if it has one, else in an empty one, one of a dead entry or the least
   * recently used.
   */
  insert(token: string, facts: TokenFacts, nowMs: number): void {
    const slot = this.#slotFor(token, nowMs)
    if (this.#tokens[slot] === undefined) this.#taken++
    // A copy: a token that was cut out of a request head would keep all of that head in memory.
    if (this.#tokens[slot] !== token) this.#tokens[slot] = Buffer.from(token, 'latin1').toString('latin1')
    this.#facts[slot] = facts
    this.#touch(slot)
  }

  /** Forgets a token. Whatever exchange has its facts already goes on with them. */
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
    // The high bits of the products have seen every character.
    return ((hash ^ (hash >>> 15)) & this.#setMask) * ways
  }

  #touch(slot: number): void {
    const clock = this.#used.length - 1
    this.#used[slot] = ++this.#used[clock]!
  }
}
