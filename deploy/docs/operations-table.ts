import { operations } from '../../gateway/admin/operations.ts'
import { ownerScopes } from '../../gateway/admin/scopes.ts'
import { code, table } from './markdown.ts'

/** Builds the table of docs/reference/admin-api.md: every operation of the admin API. */
export function operationsTable(): string {
  const rows = operations.map(({ method, path, scope, serviceOf, summary }) => {
    const scopes = [scope, ...(serviceOf ? Object.keys(ownerScopes) : [])]
    return [code(`${method} ${path}`), scopes.map(code).join(' or '), summary]
  })
  return table(['call', 'scope', 'what it does'], rows)
}
