export interface FairSemaphoreOptions {
  /** Maximum number of slots that callers of all keys can hold at the same time. */
  readonly atOnce: number
  /** Maximum number of slots that callers of one key can hold at the same time. */
  readonly perKey: number
  /** Number of slots that only callers with a known key can use. Default 0. */
  readonly reserved?: number
  /**
   * Maximum number of waiters with a known key, and, separately, of waiters with an unknown key. When this number is
   * reached, a new waiter is rejected, or takes the place of another waiter. That waiter is rejected: it is one of the
   * key with the most waiters, in the network with the most waiters.
   */
  readonly waitingMax: number
  /**
   * Returns the network of a key, such as the IPv6 /48 of an address. Networks are served in rotation, and within a
   * network its keys are served in rotation. Default: each key is a separate network.
   */
  readonly networkOf?: (key: string) => string
}

type Settle = (granted: boolean) => void

/** The semaphore as seen by the callers of one key. */
export interface KeyedSemaphore {
  /**
   * Waits for a slot of the semaphore, for at most `waitMs`. Synchronous when a slot is free.
   *
   * @returns true when the caller got a slot; it must then call {@link done}
   */
  take(waitMs: number): boolean | Promise<boolean>
  done(): void
}

/** The callers of one network that wait for a slot. */
interface Network {
  /** Waiters for a slot by key, oldest first. The first key of the map is served next. */
  readonly keys: Map<string, Set<Settle>>
  waiters: number
}

/** Used slots and waiters of one group of keys: all known keys, or all unknown keys. */
interface Group {
  readonly takenMax: number
  taken: number
  /** Networks with waiters, in the order of service. The first network is served next. */
  readonly waiting: Map<string, Network>
  waiters: number
}

/** While waiters of both known and unknown keys wait, one slot in this many goes to a waiter with an unknown key. */
const UNKNOWN_AMONG_KNOWN = 4

/**
 * Semaphore with a limit for all callers and a limit for each key, such as a client address. Waiters of one key are
 * served in order, and different keys are served in rotation, so that a key with many waiters does not delay other
 * keys. Networks of keys are served in rotation too, so that a client with all addresses of an IPv6 /48 does not delay
 * other networks.
 *
 * The caller states whether a key is known, for example because it has sent a valid token. Known keys have reserved
 * slots and a separate queue. While waiters of both groups exist, known keys get three of four slots. Unauthenticated
 * clients with many keys can therefore not starve known keys.
 */
export class FairSemaphore {
  readonly #options: FairSemaphoreOptions
  readonly #networkOf: (key: string) => string
  readonly #known: Group
  readonly #unknown: Group
  /**
   * Number of slots that each key holds.
   *
   * @bound one key for each slot that is taken | further callers wait, then are refused | none
   */
  readonly #takenBy = new Map<string, number>()
  /** Number of consecutive slots of the semaphore that known keys got while unknown keys waited. */
  #knownRun = 0

  constructor(options: FairSemaphoreOptions) {
    const { atOnce, reserved = 0 } = options
    this.#options = options
    this.#networkOf = options.networkOf ?? ((key) => key)
    this.#known = { takenMax: atOnce, taken: 0, waiting: new Map(), waiters: 0 }
    this.#unknown = { takenMax: atOnce - reserved, taken: 0, waiting: new Map(), waiters: 0 }
  }

  of(key: string, known = false): KeyedSemaphore {
    const group = known ? this.#known : this.#unknown
    return { take: (waitMs) => this.#take(group, key, waitMs), done: () => this.#done(group, key) }
  }

  #take(group: Group, key: string, waitMs: number): boolean | Promise<boolean> {
    if (this.#isOpen(group) && this.#mayTake(key)) {
      this.#count(group, key, 1)
      return true
    }
    const network = this.#networkOf(key)
    if (group.waiters >= this.#options.waitingMax && !makeRoom(group, network, key)) return false
    return new Promise((resolve) => {
      const settle: Settle = (granted) => {
        clearTimeout(timer)
        leave(group, network, key, settle)
        resolve(granted)
      }
      const timer = setTimeout(settle, waitMs, false)
      enter(group, network, key, settle)
    })
  }

  #done(group: Group, key: string): void {
    this.#count(group, key, -1)
    const isUnknownNext = this.#knownRun >= UNKNOWN_AMONG_KNOWN - 1
    const [first, second] = isUnknownNext ? [this.#unknown, this.#known] : [this.#known, this.#unknown]
    if (!this.#serve(first)) this.#serve(second)
  }

  /**
   * Grants a slot to the oldest waiter of the next key in the group that is below its limit. Returns false if no waiter
   * got one.
   */
  #serve(group: Group): boolean {
    if (!this.#isOpen(group)) return false
    for (const [name, network] of group.waiting) {
      for (const [key, waiters] of network.keys) {
        if (!this.#mayTake(key)) continue
        moveToEnd(group.waiting, name, network)
        moveToEnd(network.keys, key, waiters)
        this.#count(group, key, 1)
        this.#knownRun = group === this.#known && this.#unknown.waiters > 0 ? this.#knownRun + 1 : 0
        const [next] = waiters
        next!(true)
        return true
      }
    }
    return false
  }

  #isOpen({ taken, takenMax }: Group): boolean {
    return taken < takenMax && this.#known.taken + this.#unknown.taken < this.#options.atOnce
  }

  #mayTake(key: string): boolean {
    return (this.#takenBy.get(key) ?? 0) < this.#options.perKey
  }

  #count(group: Group, key: string, change: 1 | -1): void {
    group.taken += change
    const taken = (this.#takenBy.get(key) ?? 0) + change
    if (taken === 0) this.#takenBy.delete(key)
    else this.#takenBy.set(key, taken)
  }
}

/** Moves an entry of a map to the end of the rotation. */
function moveToEnd<T>(rotation: Map<string, T>, key: string, value: T): void {
  rotation.delete(key)
  rotation.set(key, value)
}

function enter(group: Group, name: string, key: string, settle: Settle): void {
  let network = group.waiting.get(name)
  if (network === undefined) {
    network = { keys: new Map(), waiters: 0 }
    group.waiting.set(name, network)
  }
  const waiters = network.keys.get(key)
  if (waiters === undefined) network.keys.set(key, new Set([settle]))
  else waiters.add(settle)
  network.waiters++
  group.waiters++
}

function leave(group: Group, name: string, key: string, settle: Settle): void {
  const network = group.waiting.get(name)
  const waiters = network?.keys.get(key)
  if (network === undefined || waiters?.delete(settle) !== true) return
  network.waiters--
  group.waiters--
  if (waiters.size === 0) network.keys.delete(key)
  if (network.waiters === 0) group.waiting.delete(name)
}

/**
 * Makes room in the queue for a new waiter by rejecting another waiter: the newest waiter of the key with the most
 * waiters, in the network with the most waiters. If the new waiter would give its own network as many waiters as that
 * network or more, the rejected waiter comes from its own network.
 *
 * @returns false when no waiter was rejected, because the key of the new waiter would have the most waiters itself
 */
function makeRoom({ waiting }: Group, name: string, key: string): boolean {
  const own = waiting.get(name)
  let largest = own
  for (const network of waiting.values()) if (network.waiters > (largest?.waiters ?? 0)) largest = network
  if (largest === undefined) return false
  const isOther = largest.waiters > (own?.waiters ?? 0) + 1
  const most = longest((isOther ? largest : own)?.keys)
  if (most === undefined) return false
  if (!isOther && most.size <= (own?.keys.get(key)?.size ?? 0) + 1) return false
  const last = [...most].at(-1)!
  last(false)
  return true
}

function longest(keys: ReadonlyMap<string, Set<Settle>> | undefined): Set<Settle> | undefined {
  let most: Set<Settle> | undefined
  for (const waiters of keys?.values() ?? []) if (waiters.size >= (most?.size ?? 0)) most = waiters
  return most
}
