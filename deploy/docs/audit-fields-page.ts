import { recordFields } from '../../gateway/audit/record.ts'
import { code, generatedNote, table } from './markdown.ts'

/** Builds docs/reference/audit-fields.md: every field that an audit record can have. */
export function auditFieldsPage(): string {
  const rows = Object.entries(recordFields).map(([name, meaning]) => [code(name), meaning])
  return `# Fields of the audit log

${generatedNote}

A field is there only where it is known and applies. docs/guide/audit.md has the rest.

${table(['field', 'meaning'], rows)}
`
}
