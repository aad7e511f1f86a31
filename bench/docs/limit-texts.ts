import { table } from '../../deploy/docs/markdown.ts'
import { type Kept, provenance } from './kept.ts'

/** What limits admitted, row by row. */
export function limitsText(run: Kept, toResults: string): string {
  const [rows] = run.record.findings[0]!.tables!
  return `${table(
    rows!.columns,
    rows!.rows.map((row) => row.map(String)),
  )}

${provenance(run, toResults)}`
}
