import { performance } from 'node:perf_hooks'

/**
 * Key under which an upstream has its only object: when each connection looks the name up, or the URL contains an
 * address.
 */
export const BY_NAME = ''

/** Maximum number of objects that are kept for addresses that left a name. */
const LEFT_MAX = 64

interface Left<T> {
  readonly object: T
  readonly untilMs: number
}

/** Objects of one upstream, such as its pools, one for each address of its name. */
export class ByAddress<T> {
  /**
   * Objects by address, or one object at `BY_NAME`.
   *
   * @bound 64 addresses of each name | further addresses get no calls | gatehouse_upstream_state
   */
  readonly #objects = new Map<string, T>()
  /**
   * Objects of addresses that left the name, by address, the latest last. An address that returns in time gets its
   * object again.
   *
   * @bound {@link LEFT_MAX} addresses of each name | the object of the address that left first is dropped | none
   */
  readonly #left = new Map<string, Left<T>>()
  readonly #keepMs: number
  readonly #now: () => number

  /**
   * @param keepMs  time for which the object of an address that left the name is kept, ms. Default: 0
   * @param now  returns the monotonic time, ms
   */
  constructor(keepMs = 0, now: () => number = () => performance.now()) {
    this.#keepMs = keepMs
    this.#now = now
  }

  /** Whether the addresses of the name are known. */
  get isResolved(): boolean {
    return this.#objects.size > 0 && !this.#objects.has(BY_NAME)
  }

  /** Whether an object is in use at the address. */
  has(address: string): boolean {
    return this.#objects.has(address)
  }

  /** Returns the object of an address, and creates it at first use. */
  of(address: string, make: () => T): T {
    const known = this.#objects.get(address)
    if (known !== undefined) return known
    const object = this.#return(address) ?? make()
    this.#objects.set(address, object)
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
      if (this.#keepMs > 0) this.#left.set(address, { object, untilMs: this.#now() + this.#keepMs })
      removed.push(object)
    }
    this.#dropLeft()
    return removed
  }

  #return(address: string): T | undefined {
    const left = this.#left.get(address)
    this.#left.delete(address)
    return left !== undefined && this.#now() < left.untilMs ? left.object : undefined
  }

  #dropLeft(): void {
    const now = this.#now()
    for (const [address, { untilMs }] of this.#left) {
      if (this.#left.size <= LEFT_MAX && now < untilMs) return
      this.#left.delete(address)
    }
  }
}
