import type { ScenarioFinding } from '../harness/scenario.ts'
import { formatNumber, formatSpread } from '../harness/statistics.ts'
import { aligned, rowsText } from './rows.ts'
import { unitOf } from './unit.ts'
import type { BudgetVerdict } from './verdict.ts'

/** Formats the conditions of a scenario as `name value`. */
export function conditionTexts({ conditions }: ScenarioFinding): string[] {
  return Object.entries(conditions).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : value}`,
  )
}

/** Formats the result of a scenario as text: figures with their budgets, notes, tables and failures. */
export function findingTable(finding: ScenarioFinding, verdicts: readonly BudgetVerdict[]): string {
  const conditions = conditionTexts(finding)
  const rows = Object.entries(finding.figures).map(([name, found]) => {
    const verdict = verdicts.find(({ scenario, figure }) => scenario === finding.scenario && figure === name)
    return [name, formatSpread(found, unitOf(name)), verdict === undefined ? '' : budgetText(verdict)]
  })
  const title = [finding.scenario.toUpperCase(), ...(conditions.length === 0 ? [] : [`(${conditions.join(', ')})`])]
  const notes = finding.notes === undefined ? [] : ['', ...finding.notes]
  const tables = (finding.tables ?? []).flatMap((table) => ['', table.title, rowsText(table)])
  const broken = finding.broken.map((what) => `BROKEN: ${what}`)
  const figures = aligned([['FIGURE', 'MEDIAN (LOWEST–HIGHEST)', 'BUDGET'], ...rows])
  return `\n${[title.join(' '), figures, ...notes, ...tables, ...broken].join('\n')}\n`
}

function budgetText({ most, outcome, tolerance }: BudgetVerdict): string {
  const bound = `≤ ${formatNumber(most)}`
  if (outcome === 'near') return `${bound}  missed, within ${Math.round(tolerance * 100)} %`
  return `${bound}  ${outcome === 'missed' ? 'MISSED' : outcome}`
}

/** Text with the number of budgets that were met, and a line for each missed or unmeasured budget. */
export function verdictText(verdicts: readonly BudgetVerdict[]): string {
  const count = (outcome: BudgetVerdict['outcome']): number =>
    verdicts.filter((verdict) => verdict.outcome === outcome).length
  const open = verdicts
    .filter(({ outcome }) => outcome === 'missed' || outcome === 'absent')
    .map((verdict) => {
      const found = verdict.found === undefined ? 'not measured' : formatSpread(verdict.found, unitOf(verdict.figure))
      return `  ${verdict.scenario} ${verdict.figure}: ${found}, budget ≤ ${formatNumber(verdict.most)}`
    })
  const summary = `${verdicts.length} budgets: ${count('met')} met, ${count('near')} missed within tolerance, ${count('missed')} missed`
  return [summary, ...open].join('\n')
}
