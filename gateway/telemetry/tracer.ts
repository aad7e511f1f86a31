import { performance } from 'node:perf_hooks'
import { decisionOf } from '../base/decision.ts'
import type { Reason } from '../base/reasons.ts'
import type { TraceSettings } from '../base/telemetry-settings.ts'
import type { Span, SpanOutlet } from './span.ts'

/** The properties of a finished exchange that decide whether its trace is recorded. Times are monotonic, in ms. */
interface EndedExchange {
  readonly reason: Reason
  readonly startedAt: number
  /** Time at which the service replied, ms; 0 when no service replied. */
  readonly repliedAt: number
}

/**
 * Part of `max_per_second` that a recorded exchange uses: for admitted exchanges, for exchanges that were not admitted,
 * or for faults.
 */
export type TraceShare = 'admitted' | 'refused' | 'fault'

/** Decides for which exchanges a trace is recorded, and passes the spans to the receivers of recorded spans. */
export class Tracer {
  readonly #settings: TraceSettings
  readonly #outlets: readonly SpanOutlet[]
  /**
   * Maximum number of recorded exchanges per second. While `faults` is on, this excludes the tenth of `max_per_second`
   * that is reserved for faults.
   */
  readonly #sampledMax: number
  /** Maximum number of recorded exchanges per second that were not admitted. Half of `#sampledMax`. */
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

  /** Whether an exchange that was not sampled may still be recorded because it was slow or failed. */
  get looksBack(): boolean {
    return this.#settings.slowMs !== undefined || this.#settings.faults
  }

  /** Number of exchanges that were selected for a trace, but not recorded because `max_per_second` was reached. */
  get limited(): number {
    return this.#limited
  }

  /**
   * Whether an exchange is selected for recording. The exchange is recorded only if `hasRoom` also returns true.
   *
   * @param begun  sampled flag of the caller's trace context; `undefined` when the trace starts at this node
   */
  wants(traceId: string, begun: boolean | undefined): boolean {
    const { ratio, parentBased } = this.#settings
    return begun !== undefined && parentBased ? begun : isSampled(traceId, ratio)
  }

  /** Whether `wants` can return true for a trace that another process started, for at least one trace id. */
  mayWant(begun: boolean): boolean {
    return this.#settings.parentBased ? begun : this.#settings.ratio > 0
  }

  /**
   * Whether an exchange that was not sampled is recorded because it failed or was slow. If so, it counts against
   * `max_per_second`.
   */
  keeps({ reason, startedAt, repliedAt }: EndedExchange, now: number): boolean {
    const { slowMs, faults } = this.#settings
    if (faults && failed(reason)) return this.hasRoom('fault')
    const slow = slowMs !== undefined && (repliedAt === 0 ? now : repliedAt) - startedAt >= slowMs
    return slow && this.hasRoom(repliedAt === 0 ? 'refused' : 'admitted')
  }

  /**
   * Reserves room for one exchange under `max_per_second`. A tenth of `max_per_second` is reserved for faults while
   * `faults` is on. Exchanges that were not admitted can use half of the remaining room, so that unauthenticated
   * clients cannot keep other exchanges from being recorded.
   *
   * @returns false when the current second has no room left; the exchange is then counted in `limited`
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
 * Samples by the trace id, so every process with the same ratio decides the same way. W3C Trace Context Level 2
 * requires the last 14 hexadecimal digits of the id to be random. 12 of these digits are used, because a JavaScript
 * number represents 12 digits exactly.
 */
function isSampled(traceId: string, ratio: number): boolean {
  if (ratio === 0 || ratio === 1) return ratio === 1
  return Number.parseInt(traceId.slice(18, 30), 16) >= (1 - ratio) * DIGITS_VALUES
}
