import { readRecord } from './batch.ts'
import type { AuditRecord, RecordField } from './record.ts'

/** What a record must say to be wanted: all of it. */
export interface RecordFilter {
  readonly fields: Readonly<Partial<Record<RecordField, string>>>
  /** Times of records, ms since the epoch. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
}

/** Texts that JSON has as they are: whether a line holds one is known before it is parsed. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** Finds wanted records among lines. Most lines are never parsed. */
export class RecordMatcher {
  readonly #filter: RecordFilter
  readonly #fields: readonly [string, string][]
  readonly #needles: readonly string[]

  constructor(filter: RecordFilter) {
    this.#filter = filter
    this.#fields = Object.entries(filter.fields)
    this.#needles = this.#fields.flatMap(([, value]) => (plain.test(value) ? [value] : []))
  }

  /** @returns the record of a line that is wanted */
  match(line: string): AuditRecord | undefined {
    if (!this.#needles.every((needle) => line.includes(needle))) return undefined
    const record = readRecord(line)
    if (record === undefined) return undefined
    const { sinceMs, untilMs } = this.#filter
    const atMs = Date.parse(record.time)
    if (sinceMs !== undefined && !(atMs >= sinceMs)) return undefined
    if (untilMs !== undefined && !(atMs <= untilMs)) return undefined
    const fits = this.#fields.every(([field, value]) => String(record[field as RecordField]) === value)
    return fits ? record : undefined
  }
}
