import { setImmediate as nextTurn } from 'node:timers/promises'
import { unpackLines } from './batch.ts'
import { isBefore, type LogEntry, type LogReader } from './log-reader.ts'
import { linesOf } from './log-search.ts'
import type { AuditRecord } from './record.ts'
import { RecordMatcher } from './record-filter.ts'
import { type AuditKey, isMadeWith, matchesSeal, type Seal } from './seal.ts'

/** Maximum number of log entries of each shard that one lookup reads (up to 100,000 records). */
const ENTRIES_MAX = 200
const READ_ENTRIES = 20
/** Maximum number of records of one exchange that are returned. A client can send the same request id again. */
const RECORDS_MAX = 20

/**
 * Result of the check of the batch of a record. `authentic`: the batch is unchanged, and its seal was made with an audit
 * key of this node. `unchanged`: the batch fits its seal, which was made without a key or with an unknown one.
 * `altered`: the batch does not fit its seal.
 */
export const batchChecks = ['authentic', 'unchanged', 'altered'] as const

/** Audit record of an exchange, with its place in the audit log. */
export interface FoundRecord {
  readonly record: AuditRecord
  readonly shard: number
  /** Id of the entry in the Redis stream of the shard. */
  readonly entry: string
  readonly seal: Seal
  readonly check: (typeof batchChecks)[number]
}

/**
 * Finds the audit records of an exchange by its request id, the newest first, in the newest 200 entries of each shard.
 *
 * @param keys  audit keys of this node
 * @throws {RedisFault} when the log cannot be read
 */
export async function findExchange(
  readers: readonly LogReader[],
  id: string,
  keys: readonly AuditKey[],
): Promise<FoundRecord[]> {
  const matcher = new RecordMatcher({ fields: { 'gatehouse.request.id': id } })
  const found: FoundRecord[] = []
  for (const [shard, reader] of readers.entries()) {
    let before: string | undefined
    for (let looked = 0; looked < ENTRIES_MAX && found.length < RECORDS_MAX; ) {
      const entries = await reader.before(before, READ_ENTRIES)
      if (entries.length === 0) break
      before = entries.at(-1)!.id
      looked += entries.length
      for (const entry of entries) {
        await nextTurn()
        found.push(...recordsIn(entry, matcher).map((record) => placed(record, shard, entry, keys)))
      }
    }
  }
  return found.sort((a, b) => (isBefore(a.entry, b.entry) ? 1 : -1)).slice(0, RECORDS_MAX)
}

/** Returns the matching records of an entry, the newest first. An entry that cannot be read has none. */
function recordsIn(entry: LogEntry, matcher: RecordMatcher): AuditRecord[] {
  const records = linesOf(entry).map((line) => matcher.match(line))
  return records.filter((record) => record !== undefined).toReversed()
}

function placed(record: AuditRecord, shard: number, { id, batch }: LogEntry, keys: readonly AuditKey[]): FoundRecord {
  // An entry of the audit log with records always has a sealed batch.
  if (typeof batch === 'string') throw new Error(`entry ${id} has records and no batch`)
  const { seal, packed } = batch
  const lines = unpackLines(packed)
  const isUnchanged = lines !== undefined && matchesSeal(seal, lines)
  const key = keys.find((each) => each.id === seal.key)
  const isAuthentic = isUnchanged && key !== undefined && isMadeWith(seal, key)
  return { record, shard, entry: id, seal, check: isAuthentic ? 'authentic' : isUnchanged ? 'unchanged' : 'altered' }
}
