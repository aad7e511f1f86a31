import { readRecord } from './batch.ts'
import type { AuditRecord, RecordField } from './record.ts'

/** Filter for audit records: a record must match all fields that are set, and lie in the time range. */
export interface RecordFilter {
  readonly fields: Readonly<Partial<Record<RecordField, string>>>
  /** Start of the time range of records, ms since the epoch. */
  readonly sinceMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Text with which `url.path` of a record must begin. */
  readonly pathPrefix?: string | undefined
}

/**
 * Matches texts that JSON encodes without escapes. The line of an audit record can be searched for such a text without
 * parsing the line.
 */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** Finds the audit records among lines that match a filter. Most other lines are rejected without parsing. */
export class RecordMatcher {
  readonly #filter: RecordFilter
  readonly #fields: readonly [string, string][]
  readonly #needles: readonly string[]

  constructor(filter: RecordFilter) {
    this.#filter = filter
    this.#fields = Object.entries(filter.fields)
    const texts = [...this.#fields.map(([, value]) => value), filter.pathPrefix ?? '']
    this.#needles = texts.filter((text) => text !== '' && plain.test(text))
  }

  /**
   * Parses the line of an audit record if it matches the filter.
   *
   * @param read  parses the line, if it is parsed for several filters
   * @returns the record when the line matches the filter, otherwise `undefined`
   */
  match(line: string, read = () => readRecord(line)): AuditRecord | undefined {
    if (!this.#needles.every((needle) => line.includes(needle))) return undefined
    const record = read()
    if (record === undefined) return undefined
    const { sinceMs, untilMs, pathPrefix = '' } = this.#filter
    if (pathPrefix !== '' && !String(record['url.path'] ?? '').startsWith(pathPrefix)) return undefined
    const atMs = Date.parse(record.time)
    if (sinceMs !== undefined && !(atMs >= sinceMs)) return undefined
    if (untilMs !== undefined && !(atMs <= untilMs)) return undefined
    const fits = this.#fields.every(([field, value]) => String(record[field as RecordField]) === value)
    return fits ? record : undefined
  }
}
