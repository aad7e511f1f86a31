/** Cached result of a token exchange. */
export interface ExchangeEntry<T> {
  /** The result of the exchange; `undefined` once the cache has removed the entry. */
  result: T | undefined
  readonly sinceMs: number
  /**
   * The cached result of the exchange can be used from `sinceMs` on and before `untilMs`; both are ms since the epoch.
   */
  readonly untilMs: number
  readonly bytes: number
  /** True when the cache entry was used since the last search for entries to evict. */
  used: boolean
}

export interface ExchangeCacheLimits {
  readonly entriesMax: number
  readonly bytesMax: number
}

/** Estimated memory of an entry in addition to its token, bytes: key, object and slot in the map, rounded up. */
const OVERHEAD_BYTES = 512

/**
 * Cache of exchanged tokens. The keys are keyed hashes of the token and the parameters of its exchange. Limited in
 * entries and in bytes. Evicts the oldest entry that was not used since the previous search for an entry to evict
 * ("second chance").
 *
 * @bound owner
 */
export class ExchangeCache<T> {
  readonly #limits: ExchangeCacheLimits
  readonly #entries = new Map<string, ExchangeEntry<T>>()
  #bytes = 0

  constructor(limits: ExchangeCacheLimits) {
    this.#limits = limits
  }

  /**
   * Returns the cached token exchange of a key; `undefined` when the cache has no entry for the key, or when the entry
   * must not be used at `nowMs`.
   */
  find(key: string, nowMs: number): ExchangeEntry<T> | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && isUsable(entry, nowMs) ? entry : undefined
  }

  /**
   * Adds the result of a token exchange, which replaces the earlier result of its key.
   *
   * @param bytes  size of the result in memory, bytes
   */
  add(
    key: string,
    result: T,
    { sinceMs, untilMs, bytes }: { sinceMs: number; untilMs: number; bytes: number },
  ): ExchangeEntry<T> {
    this.#remove(key)
    const entry = { result, sinceMs, untilMs, bytes: bytes + OVERHEAD_BYTES, used: false }
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
    this.#evict(sinceMs)
    return entry
  }

  #evict(nowMs: number): void {
    const { entriesMax, bytesMax } = this.#limits
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= entriesMax && this.#bytes <= bytesMax) return
      if (entry.used && isUsable(entry, nowMs)) {
        entry.used = false
        this.#entries.delete(key)
        this.#entries.set(key, entry)
      } else this.#remove(key)
    }
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
    // Remove the token from the dropped entry: other objects may still refer to the entry, and must not keep the token
    // in memory.
    entry.result = undefined
  }
}

/**
 * Whether the cached result of a token exchange can be used at this time. If the clock was set back to before the
 * result was made, it cannot.
 */
export function isUsable<T>({ result, sinceMs, untilMs }: ExchangeEntry<T>, nowMs: number): boolean {
  return result !== undefined && nowMs < untilMs && nowMs >= sinceMs
}
