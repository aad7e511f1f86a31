import { performance } from 'node:perf_hooks'
import { decisionOf } from '../base/decision.ts'
import type { Reason } from '../base/reasons.ts'
import type { TraceSettings } from '../base/telemetry-settings.ts'
import type { Span, SpanOutlet } from './span.ts'

/** An exchange that came to its end, as far as it decides whether it is recorded. Times are monotonic, in ms. */
interface EndedExchange {
  readonly reason: Reason
  readonly startedAt: number
  /** 0: there was no reply of a service. */
  readonly repliedAt: number
}

/** Which share of `max_per_second` an exchange is recorded from. */
export type TraceShare = 'admitted' | 'refused' | 'fault'

/** Decides which exchanges are recorded, and hands their spans to the outlets. */
export class Tracer {
  readonly #settings: TraceSettings
  readonly #outlets: readonly SpanOutlet[]
  /** Exchanges a second: all but faults, and of those the ones that were not admitted. */
  readonly #sampledMax: number
  readonly #refusedMax: number
  #second = 0
  #recorded = 0
  #refused = 0
  #limited = 0

  constructor(settings: TraceSettings, outlets: readonly SpanOutlet[]) {
    const { faults, maxPerSecond } = settings
    this.#settings = settings
    this.#outlets = outlets
    this.#sampledMax = faults ? Math.max(1, maxPerSecond - Math.ceil(maxPerSecond / 10)) : maxPerSecond
    this.#refusedMax = Math.ceil(this.#sampledMax / 2)
  }

  /** Whether how an exchange ends may have it recorded although it was not sampled. */
  get looksBack(): boolean {
    return this.#settings.slowMs !== undefined || this.#settings.faults
  }

  /** Exchanges that were to be recorded and were not, since too many were. */
  get limited(): number {
    return this.#limited
  }

  /**
   * Whether an exchange is to be recorded, if there is room.
   *
   * @param begun  whether somebody who began the trace records it; `undefined`: it begins here
   */
  wants(traceId: string, begun: boolean | undefined): boolean {
    const { ratio, parentBased } = this.#settings
    return begun !== undefined && parentBased ? begun : isSampled(traceId, ratio)
  }

  /** Whether `wants` can say yes for a trace that was begun elsewhere, whatever its id. */
  mayWant(begun: boolean): boolean {
    return this.#settings.parentBased ? begun : this.#settings.ratio > 0
  }

  /** Whether an exchange that was not sampled is recorded all the same, for how it ended. */
  keeps({ reason, startedAt, repliedAt }: EndedExchange, now: number): boolean {
    const { slowMs, faults } = this.#settings
    if (faults && failed(reason)) return this.hasRoom('fault')
    const slow = slowMs !== undefined && (repliedAt === 0 ? now : repliedAt) - startedAt >= slowMs
    return slow && this.hasRoom(repliedAt === 0 ? 'refused' : 'admitted')
  }

  /**
   * Takes room for one exchange. A tenth of `max_per_second` is kept for faults while `faults` is on; exchanges that were not
   * admitted have half of the rest, so that strangers cannot keep others from being recorded.
   *
   * @returns false: there is none in this second, and the exchange is counted as limited
   */
  hasRoom(share: TraceShare): boolean {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#recorded = 0
      this.#refused = 0
    }
    const max = share === 'fault' ? this.#settings.maxPerSecond : this.#sampledMax
    if (this.#recorded >= max || (share === 'refused' && this.#refused >= this.#refusedMax)) {
      this.#limited++
      return false
    }
    this.#recorded++
    if (share === 'refused') this.#refused++
    return true
  }

  record(spans: readonly Span[]): void {
    for (const outlet of this.#outlets) outlet.add(spans)
  }
}

export function failed(reason: Reason): boolean {
  return decisionOf(reason) === 'failed' || reason === 'reply-broken'
}

const DIGITS_VALUES = 2 ** 48

/**
 * The same for every process that sees the trace with the same ratio: by digits of the id that W3C Trace Context Level 2
 * wants to be random (its last 14; 12 of them are as many as a number holds exactly).
 */
function isSampled(traceId: string, ratio: number): boolean {
  if (ratio === 0 || ratio === 1) return ratio === 1
  return Number.parseInt(traceId.slice(18, 30), 16) >= (1 - ratio) * DIGITS_VALUES
}
