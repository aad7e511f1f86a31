import type { Budget } from '../budgets.ts'
import type { ScenarioFinding } from '../harness/scenario.ts'
import type { Spread } from '../harness/statistics.ts'

/** `near`: missed, by no more than its tolerance. `absent`: the scenario ran and did not measure it. */
export type BudgetOutcome = 'met' | 'near' | 'missed' | 'absent'

export interface BudgetVerdict extends Budget {
  readonly outcome: BudgetOutcome
  readonly found?: Spread
}

/** Judges the medians of what was found. Budgets of scenarios that did not run say nothing. */
export function judge(findings: readonly ScenarioFinding[], budgets: readonly Budget[]): BudgetVerdict[] {
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

/** Whether a run may end with 0: nothing is broken, and no budget is missed by more than its tolerance. */
export function passes(findings: readonly ScenarioFinding[], verdicts: readonly BudgetVerdict[]): boolean {
  return (
    findings.every(({ broken }) => broken.length === 0) &&
    verdicts.every(({ outcome }) => outcome === 'met' || outcome === 'near')
  )
}
