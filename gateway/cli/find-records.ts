import { type AdminClient, LOG_QUERY_REPLY_MS } from './admin-client.ts'
import { type AuditLine, queryOf, type RecordFilters } from './audit-record.ts'

/** Maximum number of audit records per call of the admin API. */
const PAGE = 1000

/**
 * Searches the audit log by calls of the admin API, page by page.
 *
 * @returns audit records, newest first, and `end`: the end of the log at the start of the search
 */
export async function findRecords(
  admin: AdminClient,
  filters: RecordFilters,
  limit: number,
  times: { readonly since?: string | undefined; readonly until?: string | undefined },
): Promise<{ records: AuditLine[]; end: string }> {
  const records: AuditLine[] = []
  let end: string | undefined
  let before: string | undefined
  do {
    const page = String(Math.min(PAGE, limit - records.length))
    const { document } = await admin.call(
      'GET',
      `/api/v1/audit/records${queryOf(filters, { ...times, limit: page, before })}`,
      'records',
      undefined,
      LOG_QUERY_REPLY_MS,
    )
    const found = document as { records: AuditLine[]; next: string | null; end: string }
    records.push(...found.records)
    end ??= found.end
    before = found.next ?? undefined
  } while (before !== undefined && records.length < limit)
  // Sort the audit records by time: the log is in the order of batches, each with the records of only one node.
  records.sort((a, b) => String(b['time']).localeCompare(String(a['time'])))
  return { records, end: end! }
}
