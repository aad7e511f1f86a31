import { type Batch, readRecord, readStreamFields, recordsOf, sealLine } from '../gateway/audit/batch.ts'
import type { LogEntry } from '../gateway/audit/log-reader.ts'
import { readRecordId } from '../gateway/audit/record.ts'
import type { DeadLetter } from '../gateway/audit/shipping-state.ts'
import type { ShippedBatch, ShippedRecord } from '../gateway/config/sinks/sink.ts'

/** Maximum length of an audit record in characters. Records that Gatehouse writes are shorter. */
const LINE_MAX = 256 * 1024
/**
 * Maximum size of an unreadable log entry up to which its dead letter contains the entry, bytes. A newer version of
 * Gatehouse can then deliver it.
 */
const KEPT_MAX_BYTES = 64 * 1024

/**
 * A parsed stream entry or dead letter: the records to ship, and dead letters for the records that cannot be shipped.
 */
export interface ReadBatch {
  readonly entry: string
  readonly batch: ShippedBatch | undefined
  readonly letters: readonly DeadLetter[]
}

/**
 * Parses an entry of the audit stream. The content is untrusted: anyone with access to Redis can have written the
 * entry.
 */
export function batchOf({ id, batch, fields }: LogEntry): ReadBatch {
  return typeof batch === 'string' ? unreadable(id, batch, fields) : readableBatch(id, batch, fields)
}

export function batchOfLetter({ entry, reason, content }: DeadLetter): ReadBatch {
  if ('fields' in content) {
    const batch = content.fields.length === 0 ? reason : readStreamFields(content.fields)
    return batchOf({ id: entry, batch, fields: content.fields })
  }
  const record = readRecord(content.line)
  const flaw = record === undefined ? reason : flawOf({ line: content.line, record })
  if (record === undefined || flaw !== undefined) {
    return { entry, batch: undefined, letters: [{ entry, reason: flaw ?? reason, content }] }
  }
  return { entry, batch: { records: [{ line: content.line, record }], seal: undefined }, letters: [] }
}

function readableBatch(entry: string, batch: Batch, fields: readonly Buffer[]): ReadBatch {
  const read = recordsOf(batch)
  if (typeof read === 'string') return unreadable(entry, read, fields)
  const records: ShippedRecord[] = []
  const letters: DeadLetter[] = []
  for (const record of read) {
    const reason = flawOf(record)
    if (reason === undefined) records.push(record)
    else letters.push({ entry, reason, content: { line: record.line.slice(0, LINE_MAX) } })
  }
  // Keep the seal (the record that proves the completeness of a batch) even when records are missing, so that a
  // verification of the file reports them.
  return { entry, batch: { records, seal: sealLine(batch.seal) }, letters }
}

function unreadable(entry: string, flaw: string, fields: readonly Buffer[]): ReadBatch {
  const bytes = fields.reduce((sum, field) => sum + field.length, 0)
  const letter = { entry, reason: `the log entry ${flaw}`, content: { fields: bytes > KEPT_MAX_BYTES ? [] : fields } }
  return { entry, batch: undefined, letters: [letter] }
}

/**
 * Returns the reason why an audit record cannot come from a Gatehouse node, else `undefined`. Receivers trust field
 * names and ids, so forged names and ids must not pass.
 */
function flawOf({ line, record }: ShippedRecord): string | undefined {
  if (line.length > LINE_MAX) return 'the record is longer than 256 KiB'
  if (readRecordId(record.id) === undefined) return 'the record has an invalid id'
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(record.time)) return 'the record has an invalid time'
  for (const [name, value] of Object.entries(record)) {
    if (!/^[a-z][a-z0-9_.]{0,63}$/.test(name)) return 'the record has an invalid field name'
    if (typeof value !== 'string' && typeof value !== 'number')
      return `the record field ${name} is neither a string nor a number`
  }
  return undefined
}
