/**
 * Number of 32-bit words per revocation entry: 4 for the hash of an identity, 1 for `before` (tokens issued before this
 * time are revoked), 1 for `expires`. An entry with an expiry of 0 is an empty slot.
 */
const ENTRY_WORDS = 6
const BEFORE = 4
const EXPIRES = 5
const PLACES_MIN = 8

/** One segment of a replica: a hash table with open addressing. The table doubles when it is more than 2/3 full. */
export class Segment {
  #words = new Uint32Array(PLACES_MIN * ENTRY_WORDS)
  #mask = PLACES_MIN - 1
  count = 0

  get bytes(): number {
    return this.#words.byteLength
  }

  /**
   * Finds the revocation entry with this hash. Allocates nothing.
   *
   * @returns time before which a token must have been issued to be revoked (`before`); 0 if there is no such entry
   */
  find(h0: number, h1: number, h2: number, h3: number): number {
    const words = this.#words
    for (let place = h1 & this.#mask; ; place = (place + 1) & this.#mask) {
      const at = place * ENTRY_WORDS
      if (words[at + EXPIRES] === 0) return 0
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) {
        return words[at + BEFORE]!
      }
    }
  }

  /**
   * Adds a revocation entry. If the table already has an entry with this hash, raises its `before` and `expires` to the
   * larger values.
   *
   * @returns `added`, `widened`, or `known` when nothing changed
   */
  put(h0: number, h1: number, h2: number, h3: number, before: number, expires: number): 'added' | 'widened' | 'known' {
    if (3 * (this.count + 1) > 2 * (this.#mask + 1)) this.#rebuild(2 * (this.#mask + 1), 0)
    const words = this.#words
    for (let place = h1 & this.#mask; ; place = (place + 1) & this.#mask) {
      const at = place * ENTRY_WORDS
      if (words[at + EXPIRES] === 0) {
        words[at] = h0
        words[at + 1] = h1
        words[at + 2] = h2
        words[at + 3] = h3
        words[at + BEFORE] = before
        words[at + EXPIRES] = expires
        this.count += 1
        return 'added'
      }
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) {
        if (words[at + BEFORE]! >= before && words[at + EXPIRES]! >= expires) return 'known'
        words[at + BEFORE] = Math.max(words[at + BEFORE]!, before)
        words[at + EXPIRES] = Math.max(words[at + EXPIRES]!, expires)
        return 'widened'
      }
    }
  }

  /** Whether the table has a revocation entry with this hash whose `before` and `expires` are at least these values. */
  covers(h0: number, h1: number, h2: number, h3: number, before: number, expires: number): boolean {
    const words = this.#words
    for (let place = h1 & this.#mask; ; place = (place + 1) & this.#mask) {
      const at = place * ENTRY_WORDS
      if (words[at + EXPIRES] === 0) return false
      if (words[at] === h0 && words[at + 1] === h1 && words[at + 2] === h2 && words[at + 3] === h3) {
        return words[at + BEFORE]! >= before && words[at + EXPIRES]! >= expires
      }
    }
  }

  /** Removes expired revocation entries and shrinks the table if possible. @returns number of removed entries */
  sweep(nowS: number): number {
    const before = this.count
    let alive = 0
    for (let at = EXPIRES; at < this.#words.length; at += ENTRY_WORDS) if (this.#words[at]! > nowS) alive += 1
    if (alive === before) return 0
    let places = PLACES_MIN
    while (3 * alive > places) places *= 2
    this.#rebuild(places, nowS)
    return before - alive
  }

  each(visit: (h0: number, h1: number, h2: number, h3: number, before: number, expires: number) => void): void {
    const words = this.#words
    for (let at = 0; at < words.length; at += ENTRY_WORDS) {
      if (words[at + EXPIRES] === 0) continue
      visit(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!, words[at + BEFORE]!, words[at + EXPIRES]!)
    }
  }

  #rebuild(places: number, nowS: number): void {
    const old = this.#words
    this.#words = new Uint32Array(places * ENTRY_WORDS)
    this.#mask = places - 1
    this.count = 0
    for (let at = 0; at < old.length; at += ENTRY_WORDS) {
      if (old[at + EXPIRES]! <= nowS) continue
      this.#move(old, at)
    }
  }

  #move(old: Uint32Array, from: number): void {
    let place = old[from + 1]! & this.#mask
    while (this.#words[place * ENTRY_WORDS + EXPIRES] !== 0) place = (place + 1) & this.#mask
    const at = place * ENTRY_WORDS
    for (let i = 0; i < ENTRY_WORDS; i++) this.#words[at + i] = old[from + i]!
    this.count += 1
  }
}
