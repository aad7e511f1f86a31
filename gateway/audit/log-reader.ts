import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { type Batch, readStreamFields } from './batch.ts'

/** Before the first id that an entry can have. */
export const logStart = '0-0'

/** Larger than any batch of ours, and small enough to be read by anybody. */
const ENTRY_MAX_BYTES = 4 * 1024 * 1024
/** Of entries read at once, packed: some ten thousand records. */
const READ_MAX_BYTES = 1024 * 1024
/** Entries that are looked at for a count: half a million records. */
const COUNTED_ENTRIES = 1000

/** An entry of the log; anybody with access to Redis may have written it. */
export interface LogEntry {
  readonly id: string
  /** The batch, or what is wrong with the entry. */
  readonly batch: Batch | string
  /** As it was written; empty where it is too large to be read. */
  readonly fields: readonly Buffer[]
}

/** What lies after a place in the log. */
export interface LogLag {
  readonly records: number
  /** False: there are more than were counted. */
  readonly complete: boolean
  /** When the first entry after the place was written, ms since the epoch by Redis's clock; `undefined`: there is none. */
  readonly sinceMs: number | undefined
}

/** Reads one shard of the log in Redis. What it throws is a `RedisFault`. */
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
   * Entries after `id`, oldest first, as many as fit; none at the end.
   *
   * @param until  id of the last one that is wanted. Default: the newest
   */
  after(id: string, entries: number, until = '+'): Promise<LogEntry[]> {
    return this.#entries(`(${id}`, until, 'forward', entries)
  }

  /**
   * Entries before `id`, newest first, as many as fit; none at the beginning.
   *
   * @param id  `undefined`: the newest is the first
   */
  before(id: string | undefined, entries: number): Promise<LogEntry[]> {
    return this.#entries(id === undefined ? '+' : `(${id}`, '-', 'back', entries)
  }

  /** Id of the newest entry. */
  async newest(): Promise<string> {
    const [entry] = (await this.#client.call('XREVRANGE', this.#key, '+', '-', 'COUNT', 1)) as [string, unknown][]
    return entry?.[0] ?? logStart
  }

  /** When the first entry after `id` was written, ms since the epoch by Redis's clock; `undefined`: there is none. */
  async firstAfter(id: string): Promise<number | undefined> {
    const [, first] = (await this.#countLag([this.#key], [id, 1])) as [number, string, number]
    return first === '' ? undefined : msOf(first)
  }

  async lagAfter(id: string): Promise<LogLag> {
    const [records, first, complete] = (await this.#countLag([this.#key], [id, COUNTED_ENTRIES])) as [
      number,
      string,
      number,
    ]
    return { records, complete: complete === 1, sinceMs: first === '' ? undefined : msOf(first) }
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

/** When an entry was written, ms since the epoch by Redis's clock. */
export function msOf(id: string): number {
  return Number(id.split('-', 1)[0])
}

export function isEntryId(text: string): boolean {
  return /^[0-9]{1,15}-[0-9]{1,15}$/.test(text)
}

/** Whether `a` was written before `b`. */
export function isBefore(a: string, b: string): boolean {
  const [aMs = 0, aNumber = 0] = a.split('-').map(Number)
  const [bMs = 0, bNumber = 0] = b.split('-').map(Number)
  return aMs < bMs || (aMs === bMs && aNumber < bNumber)
}
