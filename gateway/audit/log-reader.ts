import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { type Batch, readStreamFields } from './batch.ts'

/** Id before the id of every entry of a Redis stream: reading starts at the beginning. */
export const logStart = '0-0'

/** Maximum size of a log entry that is read, bytes. The limit is larger than any batch that Gatehouse writes. */
const ENTRY_MAX_BYTES = 4 * 1024 * 1024
/** Maximum number of compressed bytes of the audit log that one call reads: about ten thousand records. */
const READ_MAX_BYTES = 1024 * 1024
/** Maximum number of log entries that a count of records visits: half a million records. */
const COUNTED_ENTRIES = 1000

/** An untrusted entry of the audit log: anyone with access to Redis may have written the entry. */
export interface LogEntry {
  readonly id: string
  /** The audit batch in the log entry, or a text that says why the entry cannot be read. */
  readonly batch: Batch | string
  /** Fields of the log entry as written; empty when the entry is too large to read. */
  readonly fields: readonly Buffer[]
}

/** Number and age of the audit records after a place in the log. */
export interface LogLag {
  readonly records: number
  /** False when the count of audit records stopped early: more than `records` records follow. */
  readonly complete: boolean
  /**
   * Time at which the first log entry after the place was written, ms since the epoch by Redis's clock; `undefined`
   * when no entry follows.
   */
  readonly sinceMs: number | undefined
}

/** Reads one shard of the audit log in Redis. Methods throw `RedisFault`. */
export class LogReader {
  readonly #client: RedisClient
  readonly #key: string
  readonly #read: RedisScript
  readonly #countLag: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, shard: number) {
    this.#client = client
    this.#key = keys.auditLog(shard)
    this.#read = client.script(new URL('./read-log.lua', import.meta.url))
    this.#countLag = client.script(new URL('./count-lag.lua', import.meta.url))
  }

  /**
   * Reads entries of the audit log after the entry `id`, oldest first, up to the size limits. Returns an empty list at
   * the end of the log.
   *
   * @param until  id of the last entry to read. Default: the newest entry
   */
  after(id: string, entries: number, until = '+'): Promise<LogEntry[]> {
    return this.#entries(`(${id}`, until, 'forward', entries)
  }

  /**
   * Reads entries of the audit log before the entry `id`, newest first, up to the size limits. Returns an empty list at
   * the beginning of the log.
   *
   * @param id  id of an entry; `undefined` starts with the newest entry
   */
  before(id: string | undefined, entries: number): Promise<LogEntry[]> {
    return this.#entries(id === undefined ? '+' : `(${id}`, '-', 'back', entries)
  }

  /** Returns the id of the newest entry of the audit log. */
  async newest(): Promise<string> {
    const [entry] = (await this.#client.call('XREVRANGE', this.#key, '+', '-', 'COUNT', 1)) as [string, unknown][]
    return entry?.[0] ?? logStart
  }

  /**
   * Time at which the first log entry after the entry `id` was written, ms since the epoch by Redis's clock;
   * `undefined` when no entry follows.
   */
  async firstAfter(id: string): Promise<number | undefined> {
    const [, first] = (await this.#countLag([this.#key], [id, 1])) as [number, string, number]
    return first === '' ? undefined : entryTimeMs(first)
  }

  async lagAfter(id: string): Promise<LogLag> {
    const [records, first, complete] = (await this.#countLag([this.#key], [id, COUNTED_ENTRIES])) as [
      number,
      string,
      number,
    ]
    return { records, complete: complete === 1, sinceMs: first === '' ? undefined : entryTimeMs(first) }
  }

  async #entries(from: string, to: string, direction: string, entries: number): Promise<LogEntry[]> {
    const limits = [entries, READ_MAX_BYTES, ENTRY_MAX_BYTES]
    const read = (await this.#read.buffers([this.#key], [from, to, direction, ...limits])) as [
      Buffer,
      Buffer[],
      number,
    ][]
    return read.map(([id, fields]) => ({
      id: id.toString(),
      fields,
      batch: fields.length === 0 ? 'is larger than 4 MiB' : readStreamFields(fields),
    }))
  }
}

/** Time at which the log entry with this id was written, ms since the epoch by Redis's clock. */
export function entryTimeMs(id: string): number {
  return Number(id.split('-', 1)[0])
}

export function isEntryId(text: string): boolean {
  return /^[0-9]{1,15}-[0-9]{1,15}$/.test(text)
}

/** Whether the log entry with id `a` was written before the entry with id `b`. */
export function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number)
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number)
  return aMs < bMs || (aMs === bMs && aNumber < bNumber)
}
