import { setImmediate as nextTurn } from 'node:timers/promises'
import { unpackLines } from './batch.ts'
import type { LogPlace, LogPlaces } from './log-places.ts'
import { entryTimeMs, isBefore, type LogEntry, type LogReader } from './log-reader.ts'
import type { AuditRecord } from './record.ts'
import { type RecordFilter, RecordMatcher } from './record-filter.ts'

export interface Found {
  /** Audit records that match the filter, newest first. */
  readonly records: readonly AuditRecord[]
  /** Place in the audit log from which the next search continues; `undefined` when the log has no older records. */
  readonly next: LogPlaces | undefined
}

/**
 * Maximum number of log entries that one search reads (up to 100,000 records), so that searches do not block requests.
 */
const ENTRIES_MAX = 200
const READ_ENTRIES = 20
/**
 * Tolerance between the time of a record and the time of its log entry, ms. A record reaches the log after its
 * creation, and the clocks of nodes and Redis can differ.
 */
const CLOCKS_MS = 60_000

/**
 * Searches audit records from the newest to the oldest, batch by batch. Records of different nodes are in the order in
 * which the batches arrived in the log.
 *
 * @param from  place at which the previous search ended; only older records are returned
 * @param limit  maximum number of records to return
 */
export async function searchLog(
  readers: readonly LogReader[],
  filter: RecordFilter,
  from: LogPlaces | undefined,
  limit: number,
): Promise<Found> {
  const matcher = new RecordMatcher(filter)
  const walk = new Walk(readers, from)
  const records: AuditRecord[] = []
  for (let looked = 0; looked < ENTRIES_MAX; looked++) {
    const step = await walk.next()
    if (step === undefined) return { records, next: undefined }
    if (filter.sinceMs !== undefined && entryTimeMs(step.entry.id) + CLOCKS_MS < filter.sinceMs) {
      return { records, next: undefined }
    }
    const lines = linesOf(step.entry)
    for (let i = (step.place?.records ?? lines.length) - 1; i >= 0; i--) {
      const record = matcher.match(lines[i]!)
      if (record === undefined) continue
      records.push(record)
      if (records.length === limit) return { records, next: walk.placesAt(step, i) }
    }
    walk.leave(step)
    await nextTurn()
  }
  return { records, next: walk.places }
}

export function linesOf({ batch }: LogEntry): readonly string[] {
  const lines = typeof batch === 'string' ? undefined : unpackLines(batch.packed)
  return lines === undefined ? [] : lines.toString().split('\n').slice(0, -1)
}

interface Step {
  readonly shard: number
  readonly entry: LogEntry
  /** Place in this log entry at which an earlier search stopped; `undefined`: search the whole entry. */
  readonly place: LogPlace | undefined
}

/** Iterates over the log entries of all shards, newest first. */
class Walk {
  readonly #readers: readonly LogReader[]
  readonly #places: (LogPlace | undefined)[]
  readonly #ahead: LogEntry[][]
  readonly #ended: boolean[]

  constructor(readers: readonly LogReader[], from: LogPlaces | undefined) {
    this.#readers = readers
    this.#places = readers.map((_, shard) => from?.[shard])
    this.#ahead = readers.map(() => [])
    this.#ended = readers.map(() => false)
  }

  get places(): LogPlaces {
    return [...this.#places]
  }

  async next(): Promise<Step | undefined> {
    await Promise.all(this.#readers.map((reader, shard) => this.#fill(reader, shard)))
    let newest: Step | undefined
    for (const [shard, [entry]] of this.#ahead.entries()) {
      if (entry === undefined || (newest !== undefined && isBefore(entry.id, newest.entry.id))) continue
      const place = this.#places[shard]
      newest = { shard, entry, place: place?.id === entry.id ? place : undefined }
    }
    return newest
  }

  leave({ shard, entry }: Step): void {
    this.#ahead[shard]!.shift()
    this.#places[shard] = { id: entry.id }
  }

  /**
   * Returns the positions from which a later search continues within this log entry.
   *
   * @param records  number of the entry's records that were not searched yet
   */
  placesAt({ shard, entry }: Step, records: number): LogPlaces {
    return this.#places.with(shard, records === 0 ? { id: entry.id } : { id: entry.id, records })
  }

  async #fill(reader: LogReader, shard: number): Promise<void> {
    if (this.#ended[shard] === true || this.#ahead[shard]!.length > 0) return
    const place = this.#places[shard]
    const read = await reader.before(place === undefined ? undefined : beginOf(place), READ_ENTRIES)
    this.#ahead[shard] = read
    this.#ended[shard] = read.length === 0
  }
}

/**
 * Returns the id before which a search reads on, backwards. For an entry of which some records are still to be
 * searched, this is the next higher id, so that the entry itself is read again.
 */
function beginOf({ id, records }: LogPlace): string {
  if (records === undefined) return id
  const [ms, number] = id.split('-')
  return `${ms}-${Number(number) + 1}`
}
