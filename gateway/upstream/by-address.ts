/**
 * Key under which an upstream has its only object: when each connection looks the name up, or the URL contains an
 * address.
 */
export const BY_NAME = ''

/** Objects of one upstream, such as its pools, one for each address of its name. */
export class ByAddress<T> {
  /**
   * Objects by address, or one object at `BY_NAME`.
   *
   * @bound 64 addresses of each name | further addresses get no calls | gatehouse_upstream_state
   */
  readonly #objects = new Map<string, T>()

  /** Whether the addresses of the name are known. */
  get isResolved(): boolean {
    return this.#objects.size > 0 && !this.#objects.has(BY_NAME)
  }

  /** Returns the object of an address, and creates it at first use. */
  of(address: string, make: () => T): T {
    let object = this.#objects.get(address)
    if (object === undefined) {
      object = make()
      this.#objects.set(address, object)
    }
    return object
  }

  values(): Iterable<T> {
    return this.#objects.values()
  }

  /** Removes the objects of all other addresses. @returns the removed objects */
  keep(addresses: readonly string[]): T[] {
    const removed: T[] = []
    for (const [address, object] of this.#objects) {
      if (addresses.includes(address)) continue
      this.#objects.delete(address)
      removed.push(object)
    }
    return removed
  }
}
