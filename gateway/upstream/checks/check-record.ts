import type { CheckOutcome, CheckResult } from './health-rules.ts'

/** Results of the health checks of one upstream of one service. */
export class CheckRecord {
  /** Number of checks since the start of the node, by result. All addresses of an upstream share it. */
  readonly counts: Record<CheckResult, number>
  /** Outcome of the latest check; `undefined` before the first check has ended. */
  last: CheckOutcome | undefined
  #inRow = 0

  constructor(counts: Record<CheckResult, number>) {
    this.counts = counts
  }

  /** Records a check. @returns number of consecutive checks that passed, or failed, as this one did */
  add(outcome: CheckOutcome): number {
    const isSame = (this.last?.result === 'passed') === (outcome.result === 'passed')
    this.#inRow = isSame && this.last !== undefined ? this.#inRow + 1 : 1
    this.last = outcome
    this.counts[outcome.result]++
    return this.#inRow
  }
}
