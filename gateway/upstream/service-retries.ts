import { RetryBudget } from './retry-budget.ts'
import { type RetryCause, type RetryOutcome, retryCauses, retryOutcomes } from './retry-rules.ts'

/** Retries of one service on this node. They stay when the policy changes. */
export class ServiceRetries {
  readonly budget = new RetryBudget()
  /** Number of failed attempts since the start of the node, by cause of the failure and outcome. @bound code */
  readonly #counts = new Float64Array(retryCauses.length * retryOutcomes.length)

  count(cause: RetryCause, outcome: RetryOutcome): void {
    this.#counts[retryCauses.indexOf(cause) * retryOutcomes.length + retryOutcomes.indexOf(outcome)]!++
  }

  /** Returns each pair of cause and outcome that has occurred, with its number of failed attempts. */
  get counts(): readonly (readonly [cause: RetryCause, outcome: RetryOutcome, count: number])[] {
    return retryCauses.flatMap((cause, i) =>
      retryOutcomes.flatMap((outcome, j) => {
        const count = this.#counts[i * retryOutcomes.length + j]!
        return count === 0 ? [] : [[cause, outcome, count] as const]
      }),
    )
  }
}
