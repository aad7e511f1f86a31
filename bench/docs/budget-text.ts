import { code, table } from '../../deploy/docs/markdown.ts'
import { budgets } from '../budgets.ts'
import { formatNumber, formatSpread } from '../harness/statistics.ts'
import { unitOf } from '../report/unit.ts'
import { type BudgetVerdict, verdictsOf } from '../report/verdict.ts'
import { type Kept, provenance } from './kept.ts'

const outcomeTexts: Readonly<Record<BudgetVerdict['outcome'], string>> = {
  met: 'met',
  near: 'missed, within its tolerance',
  missed: '**missed**',
  absent: 'not measured',
}

/**
 * Markdown table of all budgets in bench/budgets.ts, each compared with the figure of the newest stored run of its
 * scenario.
 */
export function budgetsText(runs: readonly Kept[], toResults: string): string {
  const used = new Set<Kept>()
  const rows = budgets.map((budget) => {
    const { scenario, figure, most } = budget
    const run = runs.find(({ record }) => record.findings.some((finding) => finding.scenario === scenario))
    const [verdict] = verdictsOf(run?.record.findings ?? [], [budget])
    if (run !== undefined) used.add(run)
    const found = verdict?.found === undefined ? '' : formatSpread(verdict.found, unitOf(verdict.figure))
    return [
      code(scenario),
      code(figure),
      `≤ ${formatNumber(most)}`,
      found,
      verdict === undefined ? 'no stored run' : outcomeTexts[verdict.outcome],
    ]
  })
  const sources = [...used].map((run) => provenance(run, toResults))
  return [table(['scenario', 'figure', 'budget', 'found', ''], rows), ...sources].join('\n\n')
}
