import { operations } from '../../gateway/admin/operations.ts'
import { code, table } from './markdown.ts'

/** Builds the table of docs/reference/admin-api.md: every operation of the admin API. */
export function operationsTable(): string {
  const rows = operations.map(({ method, path, scope, summary }) => [code(`${method} ${path}`), code(scope), summary])
  return table(['call', 'scope', 'what it does'], rows)
}
