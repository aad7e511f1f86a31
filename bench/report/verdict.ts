import type { Budget } from '../budgets.ts'
import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Spread } from '../harness/statistics.ts'

/** `near`: missed by at most the tolerance. `absent`: the scenario ran, but has no such figure. */
export type BudgetOutcome = 'met' | 'near' | 'missed' | 'absent'

export interface BudgetVerdict extends Budget {
  readonly outcome: BudgetOutcome
  readonly found?: Spread
}

/** Compares medians with budgets. Budgets of scenarios that did not run are skipped. */
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

/** Whether the exit code is 0: nothing failed, and no budget is missed by more than its tolerance. */
export function passes(findings: readonly ScenarioFinding[], verdicts: readonly BudgetVerdict[]): boolean {
  return (
    findings.every(({ broken }) => broken.length === 0) &&
    verdicts.every(({ outcome }) => outcome === 'met' || outcome === 'near')
  )
}
