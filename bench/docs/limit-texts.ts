import { table } from '../../deploy/docs/markdown.ts'
import { type Kept, provenance } from './kept.ts'

/**
 * Markdown table of the scenario `limits`: offered load, admissions and Redis cost, one row per limit and cluster size.
 */
export function limitsText(run: Kept, toResults: string): string {
  const [rows] = run.record.findings[0]!.tables!
  return `${table(
    rows!.columns,
    rows!.rows.map((row) => row.map(String)),
  )}

${provenance(run, toResults)}`
}
