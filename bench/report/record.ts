import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Circumstances } from './machine.ts'
import type { BudgetVerdict } from './verdict.ts'

/** A run, whole: what is kept of it. */
export interface BenchRecord extends Circumstances {
  /** `suite`, or the name of the one scenario. */
  readonly kind: string
  /** RFC 3339, UTC. */
  readonly at: string
  readonly quick: boolean
  readonly findings: readonly ScenarioFinding[]
  readonly verdicts: readonly BudgetVerdict[]
}
