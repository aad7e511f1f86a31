export interface FairSemaphoreOptions {
  /** Maximum number of concurrent turns of all keys together. */
  readonly atOnce: number
  /** Maximum number of concurrent turns of one key. */
  readonly perKey: number
  /** Number of turns reserved for known keys. Default 0. */
  readonly reserved?: number
  /**
   * Maximum number of waiters of known keys, and of unknown keys. One more replaces a waiter of the network with the
   * most waiters, and there of the key with the most.
   */
  readonly waitingMax: number
  /** Network of a key. Networks are served in rotation, then the keys of each. Default: each key is a network. */
  readonly networkOf?: (key: string) => string
}

type Settle = (granted: boolean) => void

/** The turns of one key. */
export interface KeyedSemaphore {
  /**
   * @returns whether the caller may proceed; the caller must then call {@link done}. Synchronous when a turn is free
   */
  take(waitMs: number): boolean | Promise<boolean>
  done(): void
}

/** The waiters of one network. */
interface Network {
  /** Waiters of each key, oldest first. The first key is served next. */
  readonly keys: Map<string, Set<Settle>>
  waiters: number
}

/** The state of all known keys, or of all unknown keys. */
interface Group {
  readonly takenMax: number
  taken: number
  /** The first network is served next. */
  readonly waiting: Map<string, Network>
  waiters: number
}

/** One of this many consecutive turns goes to an unknown key, even if known keys wait. */
const UNKNOWN_AMONG_KNOWN = 4

/**
 * Semaphore with a limit for all callers and a limit for each key. Waiters of one key are served in order, and keys in
 * rotation: a key with many waiters does not delay the others. Networks of keys are served in rotation too: a client
 * with all addresses of an IPv6 /48 does not delay other networks. Known keys have reserved turns, their own queue, and
 * three quarters of the turns for which both groups wait. Unauthenticated clients with many keys can therefore not
 * starve them.
 */
export class FairSemaphore {
  readonly #options: FairSemaphoreOptions
  readonly #networkOf: (key: string) => string
  readonly #known: Group
  readonly #unknown: Group
  readonly #takenBy = new Map<string, number>()
  /** Consecutive turns that known keys received while unknown keys waited. */
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

  /** Grants a turn to the next key of the group that may have one. Returns false if there is none. */
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

/** Moves an entry to the end of the rotation. */
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
 * Rejects the newest waiter of the key with the most waiters, in the network with the most waiters. If the caller's
 * network would then have as many waiters as that network or more, the key is one of the caller's network.
 *
 * @returns false when the caller's key would then have as many waiters as that key or more
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
