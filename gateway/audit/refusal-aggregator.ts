import { performance } from 'node:perf_hooks'
import { formatAddress } from '../base/addresses.ts'
import type { Reason } from '../base/reasons.ts'
import { recordLine } from './record-line.ts'

/** Length of a window, ms. */
const WINDOW_MS = 1000
/** Refusals of one address, and of the node, that have a record each in one window. */
const SINGLE_PER_ADDRESS = 20
const SINGLE_PER_NODE = 100
/** Aggregated records of addresses in one window. Refusals of further addresses are in one record of the node. */
const ADDRESSES_MAX = 100

/** A refusal without a route, as far as an aggregated record tells of it. */
export interface Refusal {
  /** 4 or 16 bytes, IPv4-mapped ones folded. */
  readonly address: Uint8Array
  readonly reason: Reason
  /** Id of the request. */
  readonly id: string
  /** When the exchange began, ms since the epoch. */
  readonly nowMs: number
}

interface AggregatorParts {
  readonly node: string
  /** Takes a record, without its id. */
  readonly emit: (line: string) => void
  /** Runs the end of a window. @returns cancels it */
  readonly after: (ms: number, work: () => void) => () => void
  /** Monotonic, ms. */
  readonly now?: () => number
}

/** Refusals that share one record. */
class Aggregate {
  readonly #firstId: string
  readonly #firstMs: number
  readonly #reasons = new Map<Reason, number>()
  #lastMs: number
  #count = 0

  constructor(first: Refusal) {
    this.#firstId = first.id
    this.#firstMs = first.nowMs
    this.#lastMs = first.nowMs
    this.add(first)
  }

  add({ reason, nowMs }: Refusal): void {
    this.#count++
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
    if (nowMs > this.#lastMs) this.#lastMs = nowMs
  }

  /** @param network  the address or network; `undefined`: all others of the node */
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
  /** That have a record each. */
  single: number
  aggregate: Aggregate | undefined
}

/**
 * Aggregates refusals without a route above a rate, so that strangers cannot fill the audit log: in one second at most 20
 * single records for each IPv4 address or IPv6 /64 and 100 for the node, then one record for each of at most 100 addresses,
 * and one for all others. Every refusal is in exactly one record. Memory is bounded: 200 addresses for one second.
 */
export class RefusalAggregator {
  readonly #parts: AggregatorParts
  readonly #now: () => number
  readonly #byAddress = new Map<string, Counted>()
  #others: Aggregate | undefined
  #single = 0
  #aggregates = 0
  #endsAt = Number.NEGATIVE_INFINITY
  #cancelEnd: (() => void) | undefined
  #aggregated = 0

  constructor(parts: AggregatorParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
  }

  /** Refusals that had no record of their own, so far. */
  get aggregated(): number {
    return this.#aggregated
  }

  /** @returns false: the refusal gets a record of its own, which the caller adds */
  take(refusal: Refusal): boolean {
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
    this.#cancelEnd ??= this.#parts.after(Math.max(0, this.#endsAt - now), () => this.flush())
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

  /** Ends the window: emits its aggregated records. */
  flush(): void {
    this.#cancelEnd?.()
    this.#cancelEnd = undefined
    this.#endsAt = Number.NEGATIVE_INFINITY
    const { node, emit } = this.#parts
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

/** With a copy of the address: the exchange may be gone when the window ends. */
function countedOf({ address }: Refusal, single: number): Counted {
  return { address: address.slice(), single, aggregate: undefined }
}

/** One for each IPv4 address and each IPv6 /64, which is what one subscriber is given (RFC 6177). */
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
