import type { CheckOutcome, CheckResult } from './health-rules.ts'

/** Results of the health checks of one upstream of one service. */
export class CheckRecord {
  /** Number of checks since the start of the node, by result. All addresses of an upstream share this count. */
  readonly counts: Record<CheckResult, number>
  /** Outcome of the latest health check; `undefined` before the first check has ended. */
  last: CheckOutcome | undefined
  #inRow = 0

  constructor(counts: Record<CheckResult, number>) {
    this.counts = counts
  }

  /**
   * Records the outcome of a health check. @returns number of consecutive checks, this one included, that passed, or
   * that failed
   */
  add(outcome: CheckOutcome): number {
    const isSame = (this.last?.result === 'passed') === (outcome.result === 'passed')
    this.#inRow = isSame && this.last !== undefined ? this.#inRow + 1 : 1
    this.last = outcome
    this.counts[outcome.result]++
    return this.#inRow
  }
}
