import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { htmlReport } from './html.ts'
import type { BenchRecord } from './record.ts'

/** Stores a run in two files: JSON, and an HTML page. @returns the paths of both files */
export function keepRecord(folder: string, record: BenchRecord): { readonly json: string; readonly html: string } {
  mkdirSync(folder, { recursive: true })
  const stamp = record.at.slice(0, 16).replaceAll(/[-:]/g, '')
  const name = [record.kind, stamp, record.commit?.id].filter(Boolean).join('-')
  const [json, html] = [join(folder, `${name}.json`), join(folder, `${name}.html`)]
  writeFileSync(json, `${JSON.stringify(record, undefined, 2)}\n`)
  writeFileSync(html, htmlReport(record))
  return { json, html }
}
