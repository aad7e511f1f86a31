/** Maximum number of names with counts. */
const NAMES_MAX = 10_000

/**
 * Counts by a name of the policy, such as an issuer or a limit. A name that was removed from the policy keeps its
 * counts, because a counter must never fall.
 */
export class NamedCounts<Counts> {
  readonly #make: (name: string) => Counts
  readonly #max: number
  /**
   * Counts by name, in the order of their first use.
   *
   * @bound {@link NAMES_MAX} names of present and removed entries of the policy | the name counted first is forgotten |
   * none
   */
  readonly #byName = new Map<string, Counts>()

  /** @param make  creates the counts of a new name */
  constructor(make: (name: string) => Counts, max = NAMES_MAX) {
    this.#make = make
    this.#max = max
  }

  /** Returns the counts of a name. For a new name beyond the maximum, forgets the name that was counted first. */
  of(name: string): Counts {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const counts = this.#make(name)
    this.#byName.set(name, counts)
    if (this.#byName.size > this.#max) this.#byName.delete(this.#byName.keys().next().value!)
    return counts
  }

  entries(): Iterable<readonly [name: string, counts: Counts]> {
    return this.#byName
  }

  values(): Iterable<Counts> {
    return this.#byName.values()
  }
}
