import { priorityIndex } from '../../../gateway/base/priority.ts'
import { classOf, STRANGER, USER } from '../../../gateway/overload/caller-class.ts'
import { Shedder } from '../../../gateway/overload/shedder.ts'

/** Requests that the model node can process in 1 ms, if it admits all of them. */
const CAPACITY = 10
/** CPU time of a refusal, as a part of that of an admitted request: when the request is read, and when it is refused. */
const READ_COST = 0.23
const REFUSE_COST = 0.15
/** Cost of an admitted request of a stranger, for example with a forged token, as a multiple of that of a user. */
const STRANGER_COST = 3
/** Clients per class. Each waits for its reply before it sends the next request. */
const CLIENTS = 512
const INTERVAL_MS = 100

const offered: readonly (readonly [class_: number, share: number])[] = [
  [classOf(USER, priorityIndex('batch')), 0.5],
  [classOf(USER, priorityIndex('default')), 0.3],
  [classOf(USER, priorityIndex('critical')), 0.2],
]
const CRITICAL = offered[2]![0]
const STRANGERS = classOf(STRANGER, priorityIndex('critical'))

interface Waiting {
  readonly class_: number
  readonly atMs: number
}

/** Pauses of the process, such as garbage collections: how often, and for how long, ms. */
export interface Pauses {
  readonly everyMs: number
  readonly forMs: number
  /** Starts of the pauses in each period of `everyMs`, ms. Default: one, at its begin. */
  readonly startsMs?: readonly number[]
}

/** Outcome of a load on the model node. */
export interface ModelOutcome {
  /** Admitted requests of users, as a part of the capacity. */
  readonly goodput: number
  /** Part of the requests of users that were refused. */
  readonly refused: number
  /** Latency of the admitted critical requests, ms. */
  readonly criticalP50Ms: number
  readonly criticalP99Ms: number
}

/**
 * Model of a node with a queue, in steps of 1 ms: users of three priorities and strangers offer a multiple of the
 * capacity. Its delay is half the wait of the queue, as a timer in an event loop sees it. While the process pauses,
 * requests arrive, and nothing else happens.
 */
export class QueueingNode {
  readonly #shedder = new Shedder()
  readonly #limitMs: number
  readonly #refusalDelayMs: number
  readonly #pauses: Pauses | undefined
  /** Parts of requests that are due, and clients that wait for a reply, by class. */
  readonly #due = new Map<number, number>()
  readonly #busy = new Map<number, number>()
  #queue: Waiting[] = []
  #delayed: Waiting[] = []
  #delays: number[] = []
  #nowMs = 0
  #measuredAt = 0
  #workLeft = 0
  #turn = 0
  #latencies: number[] = []
  #admitted = 0
  #refused = 0

  constructor(limitMs: number, refusalDelayMs: number, pauses?: Pauses) {
    this.#limitMs = limitMs
    this.#refusalDelayMs = refusalDelayMs
    this.#pauses = pauses
  }

  /**
   * Offers a load for some time.
   *
   * @param load       requests of users, as a multiple of the capacity
   * @param strangers  requests of strangers per request that the node can process
   */
  run(load: number, forMs: number, strangers = 0): ModelOutcome {
    this.#latencies = []
    this.#admitted = 0
    this.#refused = 0
    const flows: [number, number][] = offered.map(([class_, share]) => [class_, share * load])
    flows.push([STRANGERS, strangers])
    for (let n = 0; n < forMs; n++) this.#step(flows)
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0
    return {
      goodput: this.#admitted / forMs / CAPACITY,
      refused: this.#refused / (this.#admitted + this.#refused),
      criticalP50Ms: at(0.5),
      criticalP99Ms: at(0.99),
    }
  }

  #step(flows: readonly (readonly [class_: number, load: number])[]): void {
    for (const [class_, load] of flows) this.#arrive(class_, load)
    this.#nowMs++
    if (this.#isPaused) return
    this.#workLeft = Math.min(1, this.#workLeft + 1)
    this.#refuseDue()
    let taken = 0
    while (taken < this.#queue.length && this.#workLeft > 0) this.#process(this.#queue[taken++]!)
    this.#queue = this.#queue.slice(taken)
    this.#delays.push((this.#nowMs - (this.#queue[0]?.atMs ?? this.#nowMs)) / 2)
    if (this.#nowMs - this.#measuredAt >= INTERVAL_MS) this.#measure()
  }

  get #isPaused(): boolean {
    if (this.#pauses === undefined) return false
    const { everyMs, forMs, startsMs = [0] } = this.#pauses
    const atMs = this.#nowMs % everyMs
    return startsMs.some((startMs) => atMs >= startMs && atMs < startMs + forMs)
  }

  #measure(): void {
    const sorted = this.#delays.toSorted((a, b) => a - b)
    this.#delays = []
    const elapsedMs = this.#nowMs - this.#measuredAt
    this.#measuredAt = this.#nowMs
    const load = sorted[Math.floor(sorted.length / 2)]! / this.#limitMs
    this.#shedder.adjust(load, elapsedMs, true, this.#delayed.length > 0)
  }

  #arrive(class_: number, load: number): void {
    let due = (this.#due.get(class_) ?? 0) + load * CAPACITY
    for (; due >= 1; due--) {
      const busy = this.#busy.get(class_) ?? 0
      if (busy >= CLIENTS) continue
      this.#busy.set(class_, busy + 1)
      this.#queue.push({ class_, atMs: this.#nowMs })
    }
    this.#due.set(class_, due)
  }

  #refuseDue(): void {
    const due = this.#delayed.filter(({ atMs }) => atMs <= this.#nowMs)
    if (due.length === 0) return
    this.#delayed = this.#delayed.filter(({ atMs }) => atMs > this.#nowMs)
    for (const { class_ } of due) this.#refuse(class_)
  }

  #process({ class_, atMs }: Waiting): void {
    if (!this.#shedder.isCounting || this.#shedder.admits(class_, this.#nowMs)) {
      this.#workLeft -= (class_ === STRANGERS ? STRANGER_COST : 1) / CAPACITY
      if (class_ !== STRANGERS) this.#admitted++
      if (class_ === CRITICAL) this.#latencies.push(this.#nowMs - atMs)
      this.#busy.set(class_, this.#busy.get(class_)! - 1)
      return
    }
    this.#workLeft -= READ_COST / CAPACITY
    if (class_ !== STRANGERS) this.#refused++
    if (this.#refusalDelayMs === 0) this.#refuse(class_)
    else {
      this.#turn = (this.#turn + 1) % 16
      this.#delayed.push({ class_, atMs: this.#nowMs + this.#refusalDelayMs * (0.5 + this.#turn / 15) })
    }
  }

  #refuse(class_: number): void {
    this.#workLeft -= REFUSE_COST / CAPACITY
    this.#busy.set(class_, this.#busy.get(class_)! - 1)
  }
}
