import { recordFields } from '../../gateway/audit/record.ts'
import { code, generatedNote, table } from './markdown.ts'

/** docs/reference/audit-fields.md: every field that a record of the audit log can have. */
export function auditFieldsPage(): string {
  const rows = Object.entries(recordFields).map(([name, meaning]) => [code(name), meaning])
  return `# Fields of the audit log

${generatedNote}

A field is there only where it is known and applies. docs/guide/audit.md has the rest.

${table(['field', 'meaning'], rows)}
`
}
