import { code, table } from '../../deploy/docs/markdown.ts'
import { budgets } from '../budgets.ts'
import { formatNumber, formatSpread } from '../harness/statistics.ts'
import type { Verdict } from '../report/verdict.ts'
import { type Kept, provenance } from './kept.ts'

const said: Readonly<Record<Verdict['outcome'], string>> = {
  met: 'met',
  near: 'missed, within its tolerance',
  missed: '**missed**',
  absent: 'not measured',
}

/** Every budget beside the newest run that judged it. */
export function budgetsText(runs: readonly Kept[], toResults: string): string {
  const used = new Set<Kept>()
  const rows = budgets.map(({ scenario, figure, most }) => {
    const own = (verdict: Verdict) => verdict.scenario === scenario && verdict.figure === figure
    const run = runs.find(({ record }) => record.verdicts.some(own))
    const verdict = run?.record.verdicts.find(own)
    if (run !== undefined) used.add(run)
    const found = verdict?.found === undefined ? '' : formatSpread(verdict.found)
    return [
      code(scenario),
      code(figure),
      `≤ ${formatNumber(most)}`,
      found,
      verdict === undefined ? 'no run kept' : said[verdict.outcome],
    ]
  })
  const sources = [...used].map((run) => provenance(run, toResults))
  return [table(['scenario', 'figure', 'budget', 'found', ''], rows), ...sources].join('\n\n')
}
