import { type BatchLine, recordsOf } from '../../gateway/audit/batch.ts'
import { LogReader, logStart } from '../../gateway/audit/log-reader.ts'
import type { AuditRecord } from '../../gateway/audit/record.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { until } from './until.ts'

/** Returns the lines of the audit log in Redis without repetitions, in the order in which each was first written. */
export async function auditLines(link: RedisLink, shard = 0): Promise<BatchLine[]> {
  const reader = new LogReader(link.store, link.keys, shard)
  const lines = new Map<string, BatchLine>()
  let entries = await reader.after(logStart, 1000)
  while (entries.length > 0) {
    for (const { id, batch } of entries) {
      const read = typeof batch === 'string' ? batch : recordsOf(batch)
      if (typeof read === 'string') throw new Error(`entry ${id} of the audit log: ${read}`)
      for (const line of read) if (!lines.has(line.record.id)) lines.set(line.record.id, line)
    }
    entries = await reader.after(entries.at(-1)!.id, 1000)
  }
  return [...lines.values()]
}

/** Waits until an audit record matches `wanted`, then returns all audit records. */
export async function auditRecords(link: RedisLink, wanted: (record: AuditRecord) => boolean): Promise<AuditRecord[]> {
  let records: AuditRecord[] = []
  await until('such an audit record', async () => {
    records = (await auditLines(link)).map(({ record }) => record)
    return records.some(wanted)
  })
  return records
}
