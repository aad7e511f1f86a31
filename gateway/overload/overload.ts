import { type Denial, denial } from '../base/denial.ts'
import { processTimers, Supervisor, type TaskTimers } from '../base/supervisor.ts'
import { instruments } from '../telemetry/instruments.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import { AddressShares } from './address-shares.ts'
import { CLASSES, classNames, classOf, KNOWN_ADDRESS, STRANGER } from './caller-class.ts'
import { DelayedRefusals } from './delayed-refusals.ts'
import type { Pressure, PressureReading } from './node-pressure.ts'
import type { OverloadLimits, OverloadMode } from './overload-limits.ts'
import { Shedder } from './shedder.ts'

/** Interval at which the node is measured, ms. */
const INTERVAL_MS = 100
/** Number of intervals in a period of the shares of addresses. The period is 1 s long. */
const PERIOD_INTERVALS = 10
/** Number of refusals in an interval that are sent at once. A balancer can then send the requests to another node. */
const PROMPT_REFUSALS = 50
/** Number of refusals that may wait at the same time, as a part of the maximum of exchanges in flight. */
const DELAYED_SHARE = 1 / 4
/**
 * Part of the time for which the event loop must work, so that its delay counts as overload. Below this value, the
 * process waits for the CPU that other programs use, and fewer requests would not make its delay shorter.
 */
const BUSY_MIN = 0.8
/** Time without a shed request after which an overload has ended in the log, ms. */
const QUIET_MS = 5000
/**
 * Part of the exchanges in flight that each class may use, by class. Strangers get no further exchange when 70 % are in
 * use, so that users find the rest.
 */
const IN_FLIGHT_SHARES = [0.7, 0.74, 0.78, 0.8, 0.83, 0.86, 0.9, 0.95, 1]

export const shedCauses = ['delay', 'memory', 'in_flight'] as const

export type ShedCause = (typeof shedCauses)[number]

const DELAY = shedCauses.indexOf('delay')
const MEMORY = shedCauses.indexOf('memory')
const IN_FLIGHT = shedCauses.indexOf('in_flight')

/**
 * Denials with different values of `Retry-After`, s. They are used in turn, so that the clients do not all return at
 * once.
 */
const denials = [1, 2, 3, 4, 5].map((seconds) => denial('overloaded', { fields: [['retry-after', String(seconds)]] }))

/** State of the overload protection, shown to operators. */
export interface OverloadStatus extends PressureReading {
  readonly mode: OverloadMode
  /** Number of classes of requests, of 9, of which the node sheds at least a part now. */
  readonly level: number
  readonly inFlight: number
  /** Number of requests shed since the start of the node; with `observe`, of requests that it would have shed. */
  readonly shed: number
}

/** An exchange that counts as in flight from its admission to its end, or until it becomes a stream. */
export interface Admitted {
  /** True while the exchange counts as in flight. Only `Overload` writes it. */
  inFlight: boolean
}

export interface OverloadDependencies {
  readonly limits: OverloadLimits
  readonly pressure: Pressure
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void
  readonly timers?: TaskTimers
}

/**
 * Sheds requests before latency or memory of an overloaded node grows. Two controls work beside each other.
 *
 * - The delay of the event loop and the memory limit the rate of admitted requests ({@link Shedder}), every 100 ms.
 * - The exchanges in flight limit each class of requests at once, because a slow service can fill the memory within the
 *   100 ms.
 *
 * Without pressure, a request costs one comparison and two additions.
 */
export class Overload implements MetricSource {
  readonly #pressure: Pressure
  readonly #log: OverloadDependencies['log']
  readonly #timers: TaskTimers
  readonly #task: Supervisor
  readonly #endMeasuring: () => void
  readonly #shedder = new Shedder()
  readonly #addresses = new AddressShares()
  readonly #delayed: DelayedRefusals
  /** Number of shed requests, by class and cause. */
  readonly #shed = new Float64Array(CLASSES * shedCauses.length)
  /** Number of exchanges in flight at which each class is shed, by class. */
  readonly #inFlightMax = new Float64Array(CLASSES)
  #limits: OverloadLimits
  #reading: PressureReading = { delayMs: 0, busy: 0, memory: 0 }
  /** Index of the cause for which the node sheds requests now. */
  #cause = DELAY
  /** Number of refusals of the current interval that were sent at once. */
  #prompt = 0
  #inFlight = 0
  #turn = 0
  #intervals = 0
  #measuredAt: number
  #shedTotal = 0
  /** Number of shed requests at the last measurement, and at the begin of the logged overload. */
  #shedBefore = 0
  #episode: { readonly sinceMs: number; readonly shedBefore: number; lastMs: number } | undefined

  constructor({ limits, pressure, log, timers = processTimers }: OverloadDependencies) {
    this.#pressure = pressure
    this.#log = log
    this.#timers = timers
    this.#limits = limits
    this.#measuredAt = timers.now()
    this.replace(limits)
    this.#task = new Supervisor('overload', timers)
    this.#delayed = new DelayedRefusals(this.#task, timers)
    this.#endMeasuring = this.#task.repeat(INTERVAL_MS, () => this.#measure())
  }

  /**
   * Whether requests must be passed to `refuse`. False without pressure; the class of a request then need not be found.
   */
  get isWary(): boolean {
    return (this.#shedder.isCounting && this.#limits.mode !== 'off') || this.#inFlight >= this.#inFlightMax[0]!
  }

  /** Puts changed settings into effect. */
  replace(limits: OverloadLimits): void {
    this.#limits = limits
    const max = limits.mode === 'off' ? Number.POSITIVE_INFINITY : limits.inFlight
    for (let i = 0; i < CLASSES; i++) this.#inFlightMax[i] = Math.max(1, Math.floor(max * IN_FLIGHT_SHARES[i]!))
    this.#shedder.reset()
  }

  /**
   * Decides whether a request is shed. Allocates nothing.
   *
   * @param kind      index in `callerKinds`
   * @param priority  index in `priorities`
   * @param address   address of the client, 4 or 16 bytes
   * @returns the denial 503 with `Retry-After`; `undefined` when the request is admitted
   */
  refuse(kind: number, priority: number, address: Uint8Array): Denial<'overloaded'> | undefined {
    const isAboveShare = kind === KNOWN_ADDRESS && !this.#addresses.take(address)
    const class_ = classOf(isAboveShare ? STRANGER : kind, priority)
    if (this.#inFlight >= this.#inFlightMax[class_]!) return this.#refusal(class_, IN_FLIGHT)
    return this.#shedder.admits(class_, this.#timers.now()) ? undefined : this.#refusal(class_, this.#cause)
  }

  /**
   * Delays a refusal, if the node sheds many requests because of the delay of its event loop. The delay bounds what
   * clients with keep-alive can send: a refusal costs up to 40 % of the CPU time of an admitted request.
   *
   * @param send  sends the refusal, unless the exchange has ended; must not throw
   * @returns false when the refusal must be sent at once
   */
  delayRefusal(send: () => void): boolean {
    const { refusalDelayMs, inFlight } = this.#limits
    if (refusalDelayMs === 0 || this.#shedder.level === 0 || this.#cause !== DELAY) return false
    if (this.#prompt < PROMPT_REFUSALS || this.#delayed.size >= inFlight * DELAYED_SHARE) {
      this.#prompt++
      return false
    }
    this.#delayed.add(refusalDelayMs, send)
    return true
  }

  /** Counts an admitted exchange as in flight. */
  enter(x: Admitted): void {
    x.inFlight = true
    this.#inFlight++
  }

  /** Counts an exchange as in flight no longer. Does nothing when the exchange is not counted. */
  leave(x: Admitted): void {
    if (!x.inFlight) return
    x.inFlight = false
    this.#inFlight--
  }

  get status(): OverloadStatus {
    const { level } = this.#shedder
    return { ...this.#reading, mode: this.#limits.mode, level, inFlight: this.#inFlight, shed: this.#shedTotal }
  }

  collect(sink: MetricSink): void {
    const { delayMs, busy, memory, level, inFlight } = this.status
    sink.value(instruments.overloadLevel, level, {})
    sink.value(instruments.overloadDelay, delayMs / 1000, {})
    sink.value(instruments.overloadBusy, busy, {})
    sink.value(instruments.overloadMemory, memory, {})
    sink.value(instruments.overloadInFlight, inFlight, {})
    sink.value(instruments.overloadDelayed, this.#delayed.size, {})
    for (const [i, names] of classNames.entries()) {
      for (const [j, cause] of shedCauses.entries()) {
        sink.value(instruments.overloadShed, this.#shed[i * shedCauses.length + j]!, { ...names, cause })
      }
    }
  }

  close(): void {
    this.#delayed.flush()
    this.#endMeasuring()
    this.#task.stop()
    this.#pressure.close()
  }

  #refusal(class_: number, cause: number): Denial<'overloaded'> | undefined {
    this.#shed[class_ * shedCauses.length + cause]!++
    this.#shedTotal++
    if (this.#limits.mode !== 'shed') return undefined
    this.#turn = (this.#turn + 1) % denials.length
    return denials[this.#turn]
  }

  #measure(): void {
    const now = this.#timers.now()
    const elapsedMs = Math.max(1, now - this.#measuredAt)
    this.#measuredAt = now
    this.#prompt = 0
    this.#reading = this.#pressure.read(Math.max(0, elapsedMs - INTERVAL_MS))
    const { delayMs, busy } = this.#reading
    const delayLoad = Math.min(delayMs / this.#limits.delayMs, busy < BUSY_MIN ? 1 : Number.POSITIVE_INFINITY)
    const memoryLoad = this.#reading.memory / this.#limits.memory
    if (delayLoad > 1 || memoryLoad > 1) this.#cause = delayLoad >= memoryLoad ? DELAY : MEMORY
    const load = Math.max(delayLoad, memoryLoad)
    this.#shedder.adjust(load, elapsedMs, this.#limits.mode === 'shed', this.#delayed.size > 0)
    if (++this.#intervals % PERIOD_INTERVALS === 0) this.#addresses.renew()
    this.#report(now)
  }

  /** Logs the begin and the end of an overload: of a time in which requests are shed, with pauses of less than 5 s. */
  #report(now: number): void {
    const shed = this.#shedTotal - this.#shedBefore
    this.#shedBefore = this.#shedTotal
    if (shed > 0) {
      if (this.#episode === undefined) {
        this.#episode = { sinceMs: now, shedBefore: this.#shedTotal - shed, lastMs: now }
        this.#log('warn', 'overload: the node sheds requests', this.#fields)
      }
      this.#episode.lastMs = now
    } else if (this.#episode !== undefined && now - this.#episode.lastMs >= QUIET_MS) {
      const { sinceMs, shedBefore, lastMs } = this.#episode
      this.#episode = undefined
      const took = { seconds: Math.ceil((lastMs - sinceMs) / 1000), shed: this.#shedTotal - shedBefore }
      this.#log('info', 'overload ended: the node admits all requests', took)
    }
  }

  get #fields(): Readonly<Record<string, unknown>> {
    const { mode, delayMs, busy, inFlight, memory, level } = this.status
    return {
      mode,
      shed_classes: level,
      delay_ms: Math.round(delayMs),
      busy: Number(busy.toFixed(2)),
      in_flight: inFlight,
      memory: Number(memory.toFixed(2)),
    }
  }
}
