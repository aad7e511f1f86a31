import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { logStart } from './log-reader.ts'

/**
 * Maximum number of dead letters (rejected records) of one sink in one shard of the log. At this limit delivery stops,
 * so that no record is lost.
 */
export const DEAD_MAX = 10_000

/** Maximum length of a receiver's error text that is stored, UTF-16 units. */
const REASON_MAX = 300

/** State of the delivery from one shard of the audit log to one sink. Times are in ms since the epoch. */
export interface ShippingState {
  readonly sink: string
  /** Id of the last log entry that was delivered to the audit sink. */
  readonly cursor: string
  readonly records: number
  readonly shippedAtMs: number | undefined
  /** Number of failed deliveries to the audit sink since the last success. */
  readonly failures: number
  readonly retryAtMs: number | undefined
  readonly error: string | undefined
  readonly errorAtMs: number | undefined
}

/** An audit record that a sink rejected, or a log entry that cannot be read. */
export interface DeadLetter {
  readonly reason: string
  /** Id of the log entry that contained the dead letter. */
  readonly entry: string
  readonly content: { readonly line: string } | { readonly fields: readonly Buffer[] }
}

/**
 * Stores the cursors (last delivered entries) and dead letters of all sinks for one shard of the audit log. Methods
 * throw `RedisFault`.
 */
export class ShippingStates {
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  readonly #shard: number
  readonly #move: RedisScript

  constructor(client: RedisClient, keys: RedisKeys, shard: number) {
    this.#client = client
    this.#keys = keys
    this.#shard = shard
    this.#move = client.script(new URL('./move-cursor.lua', import.meta.url))
  }

  /**
   * Registers an audit sink. After the registration the log keeps all entries that were not delivered to the sink.
   * Delivery to a new sink starts with the oldest entry.
   */
  async register(sink: string): Promise<void> {
    await this.#client.call('HSETNX', this.#cursors, sink, logStart)
  }

  /** Returns the state of the delivery to every registered audit sink. */
  async list(): Promise<ShippingState[]> {
    const names = (await this.#client.call('HKEYS', this.#cursors)) as string[]
    const states = await Promise.all(names.toSorted().map((name) => this.read(name)))
    return states.filter((state) => state !== undefined)
  }

  /**
   * Returns the state of the delivery to one audit sink.
   *
   * @returns `undefined` when the sink is not registered
   */
  async read(sink: string): Promise<ShippingState | undefined> {
    const [cursor, state] = await Promise.all([
      this.#client.call('HGET', this.#cursors, sink) as Promise<string | null>,
      this.#client.call('HMGET', this.#state(sink), ...stateFields) as Promise<(string | null)[]>,
    ])
    if (cursor === null) return undefined
    const [records, shippedAt, failures, retryAt, error, errorAt] = state
    return {
      sink,
      cursor,
      records: Number(records ?? 0),
      shippedAtMs: numberOf(shippedAt),
      failures: Number(failures ?? 0),
      retryAtMs: numberOf(retryAt),
      error: error ?? undefined,
      errorAtMs: numberOf(errorAt),
    }
  }

  /**
   * Moves the cursor (last delivered entry) of an audit sink from one log entry to a later one.
   *
   * @returns false when the cursor of the sink was no longer at `from`, and nothing was changed
   */
  async move(sink: string, from: string, to: string, taken: { records: number; dead: number }): Promise<boolean> {
    const args = [sink, from, to, taken.records, taken.dead]
    return (await this.#move([this.#cursors, this.#state(sink)], args)) === 1
  }

  async noteFailure(sink: string, failure: { failures: number; retryAtMs: number; error: string }): Promise<void> {
    const { failures, retryAtMs, error } = failure
    const fields = ['failures', failures, 'retry_at', Math.round(retryAtMs)]
    const last = ['error', error.slice(0, REASON_MAX), 'error_at', Date.now()]
    await this.#client.call('HSET', this.#state(sink), ...fields, ...last)
  }

  /**
   * Removes an audit sink and its dead letters, so that the log no longer keeps entries for the sink. @returns whether
   * the sink existed
   */
  async forget(sink: string): Promise<boolean> {
    const known = await this.#client.call('HDEL', this.#cursors, sink)
    await this.#client.call('DEL', this.#state(sink), this.#dead(sink))
    return known === 1
  }

  async deadCount(sink: string): Promise<number> {
    return Number(await this.#client.call('XLEN', this.#dead(sink)))
  }

  async bury(sink: string, { reason, entry, content }: DeadLetter): Promise<void> {
    const fields = 'line' in content ? ['line', content.line] : content.fields.flatMap((field) => ['field', field])
    await this.#client.call(
      'XADD',
      this.#dead(sink),
      '*',
      'reason',
      reason.slice(0, REASON_MAX),
      'entry',
      entry,
      ...fields,
    )
  }

  /**
   * Returns the dead letters (rejected records) of an audit sink whose ids are after `id` and at most `until`, oldest
   * first.
   */
  async deadAfter(
    sink: string,
    id: string,
    until: string,
    most: number,
  ): Promise<(DeadLetter & { readonly id: string })[]> {
    const args = [this.#dead(sink), `(${id}`, until, 'COUNT', most] as const
    const read = (await this.#client.callBuffer('XRANGE', ...args)) as [Buffer, Buffer[]][]
    return read.map(([letter, fields]) => ({ id: letter.toString(), ...deadLetterOf(fields) }))
  }

  /** Returns the newest dead letter of a sink; `undefined` without dead letters. */
  async newestDead(sink: string): Promise<{ readonly id: string; readonly reason: string } | undefined> {
    const args = [this.#dead(sink), '+', '-', 'COUNT', 1] as const
    const [entry] = (await this.#client.callBuffer('XREVRANGE', ...args)) as [Buffer, Buffer[]][]
    return entry && { id: entry[0].toString(), reason: deadLetterOf(entry[1]).reason }
  }

  async unbury(sink: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#client.call('XDEL', this.#dead(sink), ...ids)
  }

  get #cursors(): string {
    return this.#keys.auditCursors(this.#shard)
  }

  #state(sink: string): string {
    return this.#keys.auditSink(this.#shard, sink)
  }

  #dead(sink: string): string {
    return this.#keys.auditDead(this.#shard, sink)
  }
}

const stateFields = ['records', 'shipped_at', 'failures', 'retry_at', 'error', 'error_at'] as const

function numberOf(text: string | null | undefined): number | undefined {
  return text === null || text === undefined ? undefined : Number(text)
}

function deadLetterOf(fields: readonly Buffer[]): DeadLetter {
  const valuesOf = (name: string) => fields.filter((_, i) => i % 2 === 1 && fields[i - 1]!.toString() === name)
  const line = valuesOf('line')[0]
  return {
    reason: valuesOf('reason')[0]?.toString() ?? '',
    entry: valuesOf('entry')[0]?.toString() ?? '',
    content: line === undefined ? { fields: valuesOf('field') } : { line: line.toString() },
  }
}
