import type { Budget } from '../budgets.ts'
import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Spread } from '../harness/statistics.ts'

/**
 * Comparison of a figure with its budget. `near`: missed by at most the tolerance. `absent`: the scenario ran, but
 * returned no such figure.
 */
export type BudgetOutcome = 'met' | 'near' | 'missed' | 'absent'

export interface BudgetVerdict extends Budget {
  readonly outcome: BudgetOutcome
  readonly found?: Spread
}

/** Compares the median of each figure with its budget. Skips budgets of scenarios that did not run. */
export function verdictsOf(findings: readonly ScenarioFinding[], budgets: readonly Budget[]): BudgetVerdict[] {
  const verdicts: BudgetVerdict[] = []
  for (const budget of budgets) {
    const finding = findings.find(({ scenario }) => scenario === budget.scenario)
    if (finding === undefined) continue
    const found = finding.figures[budget.figure]
    verdicts.push(
      found === undefined ? { ...budget, outcome: 'absent' } : { ...budget, found, outcome: of(found, budget) },
    )
  }
  return verdicts
}

function of({ median }: Spread, { most, tolerance }: Budget): BudgetOutcome {
  if (median <= most) return 'met'
  return median <= most * (1 + tolerance) ? 'near' : 'missed'
}

/** Whether the run succeeded (exit code 0): no scenario failed, and no budget was missed by more than its tolerance. */
export function passes(findings: readonly ScenarioFinding[], verdicts: readonly BudgetVerdict[]): boolean {
  return (
    findings.every(({ broken }) => broken.length === 0) &&
    verdicts.every(({ outcome }) => outcome === 'met' || outcome === 'near')
  )
}
