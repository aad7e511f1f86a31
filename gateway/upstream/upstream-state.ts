import { performance } from 'node:perf_hooks'
import { ByAddress } from './by-address.ts'
import { CheckRecord } from './checks/check-record.ts'
import type { CheckOutcome, CheckResult, HealthRules } from './checks/health-rules.ts'
import type { EjectionRules } from './ejection-rules.ts'
import { LONG_AGO } from './health.ts'

/**
 * State of one address of an upstream of one service on this node. The state stays when the policy or the certificates
 * change.
 */
export class UpstreamState {
  /** End of the ejection, ms of the monotonic clock. */
  ejectedUntil = LONG_AGO
  /**
   * Number of successive ejections, each of which began soon after the previous one. The duration of the next ejection
   * depends on it.
   */
  #repeated = 0
  /** Time at which the upstream became available again, ms of the monotonic clock. Slow start begins at this time. */
  returnedAt = LONG_AGO
  /** True while the active health checks of the upstream fail. */
  isFailing = false
  /** Results of the health checks; `undefined` before the first check, and without checks. */
  checks: CheckRecord | undefined
  /** End of the drain by an operator, ms of the monotonic clock; infinity: until the operator ends it. */
  drainedUntil = LONG_AGO
  readonly #checkCounts: Record<CheckResult, number>

  /** @param checkCounts  health checks of the upstream by result, which its addresses share */
  constructor(checkCounts: Record<CheckResult, number> = noChecks()) {
    this.#checkCounts = checkCounts
  }

  /**
   * Ejects the upstream. The time doubles, unless the previous ejection ended more than `maxTimeMs` ago.
   *
   * @returns duration of the ejection, ms
   */
  eject(now: number, { timeMs, maxTimeMs }: EjectionRules): number {
    if (now - this.ejectedUntil > maxTimeMs) this.#repeated = 0
    const ms = Math.min(timeMs * 2 ** Math.min(this.#repeated++, 30), maxTimeMs)
    this.ejectedUntil = now + ms
    this.returnedAt = this.ejectedUntil
    return ms
  }

  /**
   * Records a health check. Enough consecutive checks with the same result change the state.
   *
   * @returns the new state; `undefined` when the state has not changed
   */
  checked(outcome: CheckOutcome, { healthy, unhealthy }: HealthRules): 'failing' | 'passing' | undefined {
    this.checks ??= new CheckRecord(this.#checkCounts)
    const inRow = this.checks.add(outcome)
    const isPassed = outcome.result === 'passed'
    if (isPassed === !this.isFailing || inRow < (isPassed ? healthy : unhealthy)) return undefined
    this.isFailing = !isPassed
    if (isPassed) this.returnedAt = Math.max(this.returnedAt, performance.now())
    return isPassed ? 'passing' : 'failing'
  }

  /** Drains the upstream, or ends the drain. @param forMs  duration from now, ms; not above 0: not drained */
  drain(forMs: number, now: number): void {
    if (forMs > 0) {
      this.drainedUntil = now + forMs
      if (forMs < Number.POSITIVE_INFINITY) this.returnedAt = Math.max(this.drainedUntil, this.ejectedUntil)
    } else if (this.drainedUntil > now) {
      this.drainedUntil = LONG_AGO
      this.returnedAt = now
    }
  }

  /** Discards the results of the health checks of an upstream that is no longer checked. */
  unchecked(): void {
    this.isFailing = false
    this.checks = undefined
  }
}

/**
 * Time for which the state of an address that left its name is kept, ms: 10 minutes. An address that returns in this
 * time, because a reply of DNS was incomplete, is still ejected or limited.
 */
export const LEFT_MS = 600_000

/** States of one upstream of a service, one for each address of its name. */
export class UpstreamStates extends ByAddress<UpstreamState> {
  /** Number of health checks since the start of the node, by result. */
  readonly checkCounts = noChecks()

  constructor() {
    super(LEFT_MS)
  }

  /**
   * Returns the state of an address.
   *
   * @param addedAt  time at which an address is added to a name that others serve, ms of the monotonic clock: its slow
   *   start begins then; `undefined`: no slow start
   */
  stateOf(address: string, addedAt: number | undefined): UpstreamState {
    const isAdded = !this.has(address)
    const state = this.of(address, () => new UpstreamState(this.checkCounts))
    if (isAdded && addedAt !== undefined) state.returnedAt = Math.max(state.returnedAt, addedAt)
    return state
  }
}

function noChecks(): Record<CheckResult, number> {
  return { passed: 0, status: 0, timeout: 0, connection: 0 }
}
