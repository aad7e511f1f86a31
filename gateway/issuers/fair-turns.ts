export interface FairTurnsOptions {
  /** Most turns at a time, of all keys together. */
  readonly atOnce: number
  /** Most turns at a time of one key. */
  readonly perKey: number
  /** Turns that only known keys may have. Default 0. */
  readonly reserved?: number
  /**
   * Most waiters of known keys, and most of unknown keys. One more takes the place of a waiter of the key that has most of
   * them.
   */
  readonly waitingMax: number
}

type Settle = (granted: boolean) => void

/** The turns of one key. */
export interface TurnsOfKey {
  /** @returns whether the caller may go on; then {@link done} must follow. At once when a turn is free. */
  take(waitMs: number): boolean | Promise<boolean>
  done(): void
}

/** Known keys, or unknown ones. */
interface Group {
  readonly takenMax: number
  taken: number
  /** Waiters of each key, oldest first. The key that is served next comes first. */
  readonly waiting: Map<string, Set<Settle>>
  waiters: number
}

/** Of so many turns in a row one is for an unknown key, although known keys wait. */
const UNKNOWN_AMONG_KNOWN = 4

/**
 * Semaphore with a limit for all callers and one for each key. Waiters of one key are served in order, and keys are served
 * in rotation: a key with many waiters does not delay the others. Known keys have a reserve of turns, places of their own in
 * the queue, and three quarters of the turns that both groups wait for: strangers with many keys do not shut them out.
 */
export class FairTurns {
  readonly #options: FairTurnsOptions
  readonly #known: Group
  readonly #unknown: Group
  readonly #takenBy = new Map<string, number>()
  /** Turns in a row that known keys got while unknown keys waited. */
  #knownRun = 0

  constructor(options: FairTurnsOptions) {
    const { atOnce, reserved = 0 } = options
    this.#options = options
    this.#known = { takenMax: atOnce, taken: 0, waiting: new Map(), waiters: 0 }
    this.#unknown = { takenMax: atOnce - reserved, taken: 0, waiting: new Map(), waiters: 0 }
  }

  of(key: string, known = false): TurnsOfKey {
    const group = known ? this.#known : this.#unknown
    return { take: (waitMs) => this.#take(group, key, waitMs), done: () => this.#done(group, key) }
  }

  #take(group: Group, key: string, waitMs: number): boolean | Promise<boolean> {
    if (this.#isOpen(group) && this.#mayTake(key)) {
      this.#count(group, key, 1)
      return true
    }
    if (group.waiters >= this.#options.waitingMax && !makeRoom(group, key)) return false
    return new Promise((resolve) => {
      const settle: Settle = (granted) => {
        clearTimeout(timer)
        leave(group, key, settle)
        resolve(granted)
      }
      const timer = setTimeout(settle, waitMs, false)
      enter(group, key, settle)
    })
  }

  #done(group: Group, key: string): void {
    this.#count(group, key, -1)
    const isUnknownNext = this.#knownRun >= UNKNOWN_AMONG_KNOWN - 1
    const [first, second] = isUnknownNext ? [this.#unknown, this.#known] : [this.#known, this.#unknown]
    if (!this.#serve(first)) this.#serve(second)
  }

  /** Gives a turn to the key of the group that is next, if there is one that may have it. */
  #serve(group: Group): boolean {
    if (!this.#isOpen(group)) return false
    for (const [key, waiters] of group.waiting) {
      if (!this.#mayTake(key)) continue
      // Behind the other keys, for its next turn.
      group.waiting.delete(key)
      group.waiting.set(key, waiters)
      this.#count(group, key, 1)
      this.#knownRun = group === this.#known && this.#unknown.waiters > 0 ? this.#knownRun + 1 : 0
      const [next] = waiters
      next!(true)
      return true
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

function enter(group: Group, key: string, settle: Settle): void {
  const waiters = group.waiting.get(key)
  if (waiters === undefined) group.waiting.set(key, new Set([settle]))
  else waiters.add(settle)
  group.waiters++
}

function leave(group: Group, key: string, settle: Settle): void {
  const waiters = group.waiting.get(key)
  if (waiters?.delete(settle) !== true) return
  group.waiters--
  if (waiters.size === 0) group.waiting.delete(key)
}

/** Refuses the latest waiter of the key that has most. @returns false when that would not make the keys more equal */
function makeRoom({ waiting }: Group, key: string): boolean {
  let most: Set<Settle> | undefined
  for (const waiters of waiting.values()) if (waiters.size > (most?.size ?? 0)) most = waiters
  const own = waiting.get(key)?.size ?? 0
  if (most === undefined || most.size <= own + 1) return false
  const last = [...most].at(-1)!
  last(false)
  return true
}
