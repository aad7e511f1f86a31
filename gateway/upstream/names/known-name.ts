/** Maximum number of addresses of a name that the gate uses. */
export const ADDRESSES_MAX = 64
/**
 * Time for which the addresses stay in use after DNS first replied that the name does not exist or has no address, ms.
 * Another service may soon get such an address.
 */
const MISSING_MS = 30_000
/** Time for which the latest addresses stay in use while no name server replies, ms. */
const UNAVAILABLE_MS = 3_600_000
/**
 * Time between the first of consecutive failed lookups and the next lookup, ms. It doubles with each further failure,
 * up to the usual time.
 */
const RETRY_MS = 1000
/**
 * Maximum random extension of the time between two lookups, as a share of this time, so that nodes do not ask at the
 * same moment.
 */
const JITTER = 0.2

/** Results of lookups, as the metrics show them. */
export const lookupResults = ['resolved', 'missing', 'refused', 'failed'] as const
export type LookupResult = (typeof lookupResults)[number]

/** A failed lookup: the result, and the reason why it gave no addresses. */
export interface LookupFailure {
  readonly result: Exclude<LookupResult, 'resolved'>
  readonly message: string
}

/** Addresses of one name, and its latest lookups. */
export class KnownName {
  readonly name: string
  /** Addresses of the name that upstreams use; `undefined` while they are not known. */
  addresses: readonly string[] | undefined
  /** Number of addresses in the latest reply beyond {@link ADDRESSES_MAX}. */
  unused = 0
  /** Number of lookups since the start of the node, by result. */
  readonly counts: Record<LookupResult, number> = { resolved: 0, missing: 0, refused: 0, failed: 0 }
  /** Failure of the latest lookup; `undefined` when it succeeded, and before the first one. */
  failure: LookupFailure | undefined
  /** Time of the latest successful lookup, ms of the monotonic clock; `undefined` before it. */
  resolvedAt: number | undefined
  #failuresInRow = 0
  /** Time of the first reply without addresses since the latest successful lookup, ms. */
  #missingSince: number | undefined
  #validMs: number | undefined
  /** Ends the lookups of the name; `undefined` when they have not begun, or when the policy no longer has the name. */
  end: (() => void) | undefined

  constructor(name: string) {
    this.name = name
  }

  /** Records the reply to a lookup. @returns whether the addresses have changed */
  resolved(found: readonly string[], validMs: number | undefined, now: number): boolean {
    this.counts.resolved++
    this.#failuresInRow = 0
    this.failure = undefined
    this.#missingSince = undefined
    this.#validMs = validMs
    this.resolvedAt = now
    const all = new Set(found)
    const before = this.addresses ?? []
    // Sort addresses in use first, so that a name with more addresses than the maximum keeps those that it uses.
    const kept = before.filter((address) => all.delete(address))
    const next = [...kept, ...all].slice(0, ADDRESSES_MAX)
    this.unused = kept.length + all.size - next.length
    if (next.length === before.length && kept.length === before.length) return false
    this.addresses = next
    return true
  }

  /**
   * Records a failed lookup. @returns whether the addresses have changed, because the time for which they stay in use
   * has expired
   */
  failed(failure: LookupFailure, now: number): boolean {
    this.counts[failure.result]++
    this.#failuresInRow++
    this.failure = failure
    if (failure.result !== 'failed') this.#missingSince ??= now
    if (this.addresses === undefined) return false
    const isMissing = this.#missingSince !== undefined && now - this.#missingSince >= MISSING_MS
    if (!isMissing && now - this.resolvedAt! < UNAVAILABLE_MS) return false
    this.addresses = undefined
    return true
  }

  /** Returns the time until the next lookup, ms. @param random  number from 0 to 1 */
  pauseMs(refreshMs: number, random: number): number {
    const usualMs = this.#validMs ?? refreshMs
    const retryMs = RETRY_MS * 2 ** Math.min(this.#failuresInRow - 1, 30)
    return (this.#failuresInRow === 0 ? usualMs : Math.min(refreshMs, retryMs)) * (1 + JITTER * random)
  }
}
