import { AuditLog } from '../../gateway/audit/audit-log.ts'
import { type BatchLine, recordsOf } from '../../gateway/audit/batch.ts'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'

/** The lines of the audit log in Redis as they were written, each once, in the order in which each came first. */
export async function auditLines(link: RedisLink, shard = 0): Promise<BatchLine[]> {
  const log = new AuditLog(link.store, link, shard)
  const lines = new Map<string, BatchLine>()
  for (const { id, batch } of await log.after('0-0', 100_000)) {
    const read = typeof batch === 'string' ? batch : recordsOf(batch)
    if (typeof read === 'string') throw new Error(`entry ${id} of the audit log: ${read}`)
    for (const line of read) if (!lines.has(line.record.id)) lines.set(line.record.id, line)
  }
  return [...lines.values()]
}

/** Its records, once there is one of which this is true. */
export async function auditRecords(link: RedisLink, until: (record: AuditRecord) => boolean): Promise<AuditRecord[]> {
  for (let i = 0; i < 250; i++) {
    const records = (await auditLines(link)).map(({ record }) => record)
    if (records.some(until)) return records
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('no such audit record within 5 s')
}
