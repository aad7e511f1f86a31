import { quantile } from '../harness/statistics.ts'
import type { FlowStep, LoadFlow } from './flow.ts'
import { FlowConnection } from './flow-connection.ts'

/** Longest time that a due request waits for a free connection, ms. */
const WAIT_MAX_MS = 1000
/** Number of removed elements at which the queue of waiting requests is moved in memory. */
const COMPACT_AT = 10_000

interface Step {
  due: number
  unsent: number
  readonly replies: Record<string, number>
  readonly latenciesMs: number[]
  arrived: number
  lastRefusedMs: number
}

/** Sends the requests of one flow, and counts its replies. */
export class FlowSender {
  readonly #port: number
  readonly #flow: LoadFlow
  readonly #steps: readonly Step[]
  /** Start of each step, ms of `performance.now()`. */
  readonly #startsMs: readonly number[]
  /** End of the last step, ms of `performance.now()`. */
  readonly #endMs: number
  readonly #idle: FlowConnection[] = []
  readonly #all = new Set<FlowConnection>()
  readonly #opening = new Set<FlowConnection>()
  /** Times at which the waiting requests were due, ms, from `#waitingFrom` on: removing the first element is slow. */
  readonly #waiting: number[] = []
  #waitingFrom = 0
  #nextMs: number
  #turn = 0
  #addressTurn = 0

  /**
   * @param startsMs  start of each step
   * @param endMs  end of the last step; default: it has none
   */
  constructor(port: number, flow: LoadFlow, startsMs: readonly number[], endMs = Number.POSITIVE_INFINITY) {
    this.#port = port
    this.#flow = flow
    this.#startsMs = startsMs
    this.#endMs = endMs
    this.#steps = startsMs.map(() => ({
      due: 0,
      unsent: 0,
      replies: {},
      latenciesMs: [],
      arrived: 0,
      lastRefusedMs: 0,
    }))
    this.#nextMs = startsMs[0]!
  }

  /** Number of requests without a reply. */
  get open(): number {
    return this.#waitingCount + this.#all.size - this.#opening.size - this.#idle.length
  }

  get #waitingCount(): number {
    return this.#waiting.length - this.#waitingFrom
  }

  /** Sends the requests that became due since the last call. @param nowMs  time before the end of the last step */
  send(nowMs: number): void {
    while (this.#nextMs <= nowMs) {
      const step = this.#stepAt(this.#nextMs)
      const perSecond = this.#flow.perSecond[step]!
      if (perSecond === 0) {
        this.#nextMs = this.#startsMs[step + 1] ?? Number.POSITIVE_INFINITY
        continue
      }
      this.#steps[step]!.due++
      this.#start(this.#nextMs)
      this.#nextMs -= (Math.log(1 - Math.random()) * 1000) / perSecond
    }
    this.#expire(nowMs - WAIT_MAX_MS)
  }

  /** Closes the connections. @returns the results by step */
  end(): FlowStep[] {
    this.#expire(Number.POSITIVE_INFINITY)
    for (const connection of this.#all) {
      if (connection.dueMs !== 0) this.#count(connection.dueMs, 'failed', 0)
      connection.dueMs = 0
      connection.close()
    }
    return this.#steps.map(({ due, unsent, replies, latenciesMs, arrived, lastRefusedMs }) => {
      const sorted = Float64Array.from(latenciesMs).sort()
      const at = (share: number): number => (sorted.length === 0 ? 0 : quantile(sorted, share))
      return { due, unsent, replies, arrived, p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), lastRefusedMs }
    })
  }

  /** Counts the waiting requests that were due before a time as unsent, and removes them. */
  #expire(beforeMs: number): void {
    while (this.#waiting[this.#waitingFrom]! < beforeMs) {
      const dueMs = this.#nextWaiting()!
      this.#steps[this.#stepAt(dueMs)]!.unsent++
      this.#noteRefused(dueMs)
    }
  }

  #nextWaiting(): number | undefined {
    const dueMs = this.#waiting[this.#waitingFrom]
    if (dueMs === undefined) return undefined
    if (++this.#waitingFrom === this.#waiting.length) {
      this.#waiting.length = 0
      this.#waitingFrom = 0
    } else if (this.#waitingFrom === COMPACT_AT) {
      this.#waiting.splice(0, COMPACT_AT)
      this.#waitingFrom = 0
    }
    return dueMs
  }

  #start(dueMs: number): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) this.#ask(connection, dueMs)
    else {
      this.#waiting.push(dueMs)
      this.#openForWaiting()
    }
  }

  #ask(connection: FlowConnection, dueMs: number): void {
    const { heads } = this.#flow
    connection.ask(heads[this.#turn++ % heads.length]!, dueMs)
  }

  /** Opens a connection when more requests wait than connections are being opened. */
  #openForWaiting(): void {
    if (this.#waitingCount <= this.#opening.size || this.#all.size >= this.#flow.connections) return
    const { addresses = 0 } = this.#flow
    const localAddress = addresses === 0 ? '127.0.0.1' : `127.0.1.${1 + (this.#addressTurn++ % addresses)}`
    const connection = new FlowConnection(
      this.#port,
      localAddress,
      (own, status) => this.#replied(own, status),
      (own) => {
        this.#opening.delete(own)
        this.#give(own)
      },
    )
    this.#all.add(connection)
    this.#opening.add(connection)
  }

  /** Uses a free connection for the request that has waited longest. */
  #give(connection: FlowConnection): void {
    const dueMs = this.#nextWaiting()
    if (dueMs === undefined) this.#idle.push(connection)
    else this.#ask(connection, dueMs)
  }

  #replied(connection: FlowConnection, status: number): void {
    if (status !== 0) this.#count(connection.dueMs, String(status), performance.now())
    if (status !== 0 && !this.#flow.isReconnecting && !connection.closes) {
      connection.dueMs = 0
      this.#give(connection)
      return
    }
    this.#all.delete(connection)
    this.#opening.delete(connection)
    if (status === 0) {
      const at = this.#idle.indexOf(connection)
      if (at >= 0) this.#idle.splice(at, 1)
      else if (connection.dueMs !== 0) this.#count(connection.dueMs, 'failed', 0)
    }
    connection.dueMs = 0
    connection.close()
    this.#openForWaiting()
  }

  #count(dueMs: number, kind: string, nowMs: number): void {
    const at = this.#stepAt(dueMs)
    const step = this.#steps[at]!
    step.replies[kind] = (step.replies[kind] ?? 0) + 1
    if (Number(kind) < 400) {
      step.latenciesMs.push(nowMs - dueMs)
      if (nowMs < this.#endMs) this.#steps[this.#stepAt(nowMs)]!.arrived++
    } else this.#noteRefused(dueMs)
  }

  #noteRefused(dueMs: number): void {
    const at = this.#stepAt(dueMs)
    const step = this.#steps[at]!
    step.lastRefusedMs = Math.max(step.lastRefusedMs, dueMs - this.#startsMs[at]!)
  }

  #stepAt(timeMs: number): number {
    let step = this.#startsMs.length - 1
    while (step > 0 && this.#startsMs[step]! > timeMs) step--
    return step
  }
}
