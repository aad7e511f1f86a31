import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Circumstances } from './machine.ts'
import type { BudgetVerdict } from './verdict.ts'

/** A complete run, as it is stored. */
export interface BenchRecord extends Circumstances {
  /** `suite`, or the name of a single scenario. */
  readonly kind: string
  /** RFC 3339, UTC. */
  readonly at: string
  readonly quick: boolean
  readonly findings: readonly ScenarioFinding[]
  readonly verdicts: readonly BudgetVerdict[]
}
