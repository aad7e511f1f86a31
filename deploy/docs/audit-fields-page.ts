import { recordFields } from '../../gateway/audit/record.ts'
import { code, generatedNote, table } from './markdown.ts'

/** Builds docs/reference/audit-fields.md: every field that an audit record can have. */
export function auditFieldsPage(): string {
  const rows = Object.entries(recordFields).map(([name, meaning]) => [code(name), meaning])
  return `# Fields of the audit log

${generatedNote}

A record has a field only if its value is known and applies to the record. docs/guide/audit.md explains the audit log.

${table(['field', 'meaning'], rows)}
`
}
