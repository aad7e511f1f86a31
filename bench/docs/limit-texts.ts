import { table } from '../../deploy/docs/markdown.ts'
import { type Kept, provenance } from './kept.ts'

/** Admissions of limits, one row per configuration. */
export function limitsText(run: Kept, toResults: string): string {
  const [rows] = run.record.findings[0]!.tables!
  return `${table(
    rows!.columns,
    rows!.rows.map((row) => row.map(String)),
  )}

${provenance(run, toResults)}`
}
