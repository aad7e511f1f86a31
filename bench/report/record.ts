import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Circumstances } from './machine.ts'
import type { BudgetVerdict } from './verdict.ts'

/** A benchmark run in the form in which it is stored in bench/results. */
export interface BenchRecord extends Circumstances {
  /** `suite`, `compare`, or the name of the only scenario of the run. */
  readonly kind: string
  /** Time at which the run ended (RFC 3339, UTC). */
  readonly at: string
  readonly quick: boolean
  readonly findings: readonly ScenarioFinding[]
  readonly verdicts: readonly BudgetVerdict[]
}
