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

/** Decides what is recorded, and hands it on. */
export class Tracer {
  readonly #settings: TraceSettings
  readonly #outlets: readonly SpanOutlet[]
  #second = 0
  #recorded = 0
  #limited = 0

  constructor(settings: TraceSettings, outlets: readonly SpanOutlet[]) {
    this.#settings = settings
    this.#outlets = outlets
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
   * Whether an exchange is recorded. Asked once an exchange.
   *
   * @param begun  whether somebody who began the trace records it; `undefined`: it begins here
   */
  samples(traceId: string, begun: boolean | undefined): boolean {
    const { ratio, parentBased } = this.#settings
    const wanted = begun !== undefined && parentBased ? begun : isSampled(traceId, ratio)
    return wanted && this.#hasRoom()
  }

  /** Whether an exchange that was not sampled is recorded all the same, for how it ended. */
  keeps({ reason, startedAt, repliedAt }: EndedExchange, now: number): boolean {
    const { slowMs, faults } = this.#settings
    const slow = slowMs !== undefined && (repliedAt === 0 ? now : repliedAt) - startedAt >= slowMs
    return (slow || (faults && failed(reason))) && this.#hasRoom()
  }

  record(spans: readonly Span[]): void {
    for (const outlet of this.#outlets) outlet.add(spans)
  }

  #hasRoom(): boolean {
    const second = Math.floor(performance.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#recorded = 0
    }
    if (this.#recorded >= this.#settings.maxPerSecond) {
      this.#limited++
      return false
    }
    this.#recorded++
    return true
  }
}

function failed(reason: Reason): boolean {
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
