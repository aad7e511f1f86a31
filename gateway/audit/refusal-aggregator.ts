import { performance } from 'node:perf_hooks'
import { formatAddress } from '../base/addresses.ts'
import type { Reason } from '../base/reasons.ts'
import { recordLine } from './record-line.ts'

/** Length of a window in which refused requests are counted for aggregated audit records, ms. */
const WINDOW_MS = 1000
/** Maximum number of refused requests per client address that get an audit record each in one window. */
const SINGLE_PER_ADDRESS = 20
const SINGLE_PER_NODE = 100
/**
 * Maximum number of client addresses with an aggregated audit record in one window. Refused requests of further
 * addresses share one record of the node.
 */
const ADDRESSES_MAX = 100

/** Facts about a refused request that matched no route, as needed for an aggregated record. */
export interface RefusedRequest {
  /** Client address, 4 or 16 bytes; an IPv4-mapped address must already be converted to IPv4. */
  readonly address: Uint8Array
  readonly reason: Reason
  /** Request id of the refused request. */
  readonly id: string
  /** Time at which the exchange began, ms since the epoch. */
  readonly nowMs: number
}

interface AggregatorDependencies {
  readonly node: string
  /** Function that receives an audit record without its id. */
  readonly emit: (line: string) => void
  /** Schedules the end of a window of refused requests. @returns a function that cancels the schedule */
  readonly after: (ms: number, work: () => void) => () => void
  /** Returns the monotonic time, ms. */
  readonly now?: () => number
}

/** Refused requests that share one audit record. */
class Aggregate {
  readonly #firstId: string
  readonly #firstMs: number
  /** Number of refused requests by reason. @bound code */
  readonly #reasons = new Map<Reason, number>()
  #lastMs: number
  #count = 0

  constructor(first: RefusedRequest) {
    this.#firstId = first.id
    this.#firstMs = first.nowMs
    this.#lastMs = first.nowMs
    this.add(first)
  }

  add({ reason, nowMs }: RefusedRequest): void {
    this.#count++
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
    if (nowMs > this.#lastMs) this.#lastMs = nowMs
  }

  /**
   * Builds the aggregated audit record.
   *
   * @param network client address or network of the refused requests; `undefined` for the record that all further
   *   addresses share
   */
  line(node: string, network: string | undefined): string {
    const reasons = [...this.#reasons].toSorted(([, a], [, b]) => b - a)
    return recordLine('refusals', this.#firstMs, {
      'gatehouse.node': node,
      'client.address': network,
      'gatehouse.request.id': this.#firstId === '' ? undefined : this.#firstId,
      'gatehouse.decision': 'refused',
      'gatehouse.reason': reasons[0]![0],
      'gatehouse.refusals': this.#count,
      'gatehouse.refusals.until': new Date(this.#lastMs).toISOString(),
      'gatehouse.refusals.reasons': JSON.stringify(Object.fromEntries(reasons)),
    })
  }
}

interface Counted {
  readonly address: Uint8Array
  /** Number of refused requests of the address that got an audit record each. */
  single: number
  aggregate: Aggregate | undefined
}

/**
 * Limits the audit records of refused requests that matched no route, so that unauthenticated clients cannot fill the
 * audit log. Per second there are at most 20 single records for each IPv4 address or IPv6 /64, and 100 for the node.
 * Further refusals share one aggregated record for each of at most 100 addresses, and one record for all other
 * addresses. Every refusal is counted in exactly one record. Memory is bounded: 200 addresses for one second.
 */
export class RefusalAggregator {
  readonly #dependencies: AggregatorDependencies
  readonly #now: () => number
  /**
   * Refused requests of the current second, by IPv4 address or IPv6 /64.
   *
   * @bound 2 × {@link ADDRESSES_MAX} addresses | one record counts all other addresses |
   *   gatehouse_audit_aggregated_refusals_total
   */
  readonly #byAddress = new Map<string, Counted>()
  #others: Aggregate | undefined
  #single = 0
  #aggregates = 0
  #endsAt = Number.NEGATIVE_INFINITY
  #cancelEnd: (() => void) | undefined
  #aggregated = 0

  constructor(dependencies: AggregatorDependencies) {
    this.#dependencies = dependencies
    this.#now = dependencies.now ?? (() => performance.now())
  }

  /** Total number of refused requests that were counted in an aggregated record. */
  get aggregated(): number {
    return this.#aggregated
  }

  /**
   * Counts a refused request that matched no route.
   *
   * @returns false when the request gets a single audit record, which the caller must add
   */
  take(refusal: RefusedRequest): boolean {
    const now = this.#now()
    if (now >= this.#endsAt) {
      this.flush()
      this.#endsAt = now + WINDOW_MS
    }
    const key = networkKey(refusal.address)
    let counted = this.#byAddress.get(key)
    if (this.#isSingle(counted)) {
      this.#single++
      if (counted === undefined) this.#byAddress.set(key, countedOf(refusal, 1))
      else counted.single++
      return false
    }
    this.#aggregated++
    this.#cancelEnd ??= this.#dependencies.after(Math.max(0, this.#endsAt - now), () => this.flush())
    if (counted?.aggregate !== undefined) counted.aggregate.add(refusal)
    else if (this.#aggregates < ADDRESSES_MAX) {
      this.#aggregates++
      counted ??= countedOf(refusal, 0)
      counted.aggregate = new Aggregate(refusal)
      this.#byAddress.set(key, counted)
    } else if (this.#others === undefined) this.#others = new Aggregate(refusal)
    else this.#others.add(refusal)
    return true
  }

  /** Ends the current window of refused requests and emits its aggregated audit records. */
  flush(): void {
    this.#cancelEnd?.()
    this.#cancelEnd = undefined
    this.#endsAt = Number.NEGATIVE_INFINITY
    const { node, emit } = this.#dependencies
    const counted = [...this.#byAddress.values()]
    const others = this.#others
    this.#byAddress.clear()
    this.#others = undefined
    this.#single = 0
    this.#aggregates = 0
    for (const { address, aggregate } of counted)
      if (aggregate !== undefined) emit(aggregate.line(node, networkText(address)))
    if (others !== undefined) emit(others.line(node, undefined))
  }

  #isSingle(counted: Counted | undefined): boolean {
    if (this.#single >= SINGLE_PER_NODE) return false
    return counted === undefined || (counted.aggregate === undefined && counted.single < SINGLE_PER_ADDRESS)
  }
}

/**
 * Returns a new count of the refused requests of a client address. Copies the address, because the exchange may be over
 * before the window ends.
 */
function countedOf({ address }: RefusedRequest, single: number): Counted {
  return { address: address.slice(), single, aggregate: undefined }
}

/**
 * Returns the map key of a client address: one key for each IPv4 address and each IPv6 /64, the smallest prefix that a
 * subscriber usually gets (RFC 6177).
 */
function networkKey(address: Uint8Array): string {
  let key = ''
  const length = address.length === 4 ? 4 : 8
  for (let i = 0; i < length; i++) key += String.fromCharCode(address[i]!)
  return key
}

function networkText(address: Uint8Array): string {
  if (address.length === 4) return formatAddress(address)
  const network = new Uint8Array(16)
  network.set(address.subarray(0, 8))
  return `${formatAddress(network)}/64`
}
