import { table } from '../../deploy/docs/markdown.ts'
import { type Kept, provenance } from './kept.ts'

/**
 * Markdown table of the scenario `limits`: admissions and Redis cost, one row per limit, cluster size and mode. The table
 * has the rows with an even load only, and not every column; the stored result has all.
 */
export function limitsText(run: Kept, toResults: string): string {
  const [rows] = run.record.findings[0]!.tables!
  const shown = ['limit', 'nodes', 'mode', 'of ideal %', 'over', 'Redis calls/1000', 'Redis CPU ms/1000']
  const places = shown.map((column) => rows!.columns.indexOf(column))
  const load = rows!.columns.indexOf('load')
  return `${table(
    shown,
    rows!.rows.filter((row) => row[load] === 'even').map((row) => places.map((place) => String(row[place]))),
  )}

${provenance(run, toResults)}`
}
