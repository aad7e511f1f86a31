import type { RedisKeys } from '../redis/keys.ts'
import type { RedisClient, RedisScript } from '../redis/redis-client.ts'
import { logStart } from './log-reader.ts'

/** Dead letters that a sink may have in one shard. With so many its shipping stops, rather than lose one. */
export const DEAD_MAX = 10_000

/** How much of what a receiver says is kept. */
const REASON_MAX = 300

/** How shipping from one shard to one sink goes. Times in ms since the epoch. */
export interface ShippingState {
  readonly sink: string
  /** Id of the last entry that it has taken. */
  readonly cursor: string
  readonly records: number
  readonly shippedAtMs: number | undefined
  /** Failures since the last success. */
  readonly failures: number
  readonly retryAtMs: number | undefined
  readonly error: string | undefined
  readonly errorAtMs: number | undefined
}

/** What a sink would not take: a record, or an entry that nobody can read. */
export interface DeadLetter {
  readonly reason: string
  /** Of the log: where it was. */
  readonly entry: string
  readonly content: { readonly line: string } | { readonly fields: readonly Buffer[] }
}

/** Where each sink is in one shard of the log, and what it would not take. What it throws is a `RedisFault`. */
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

  /** From now on the log keeps what the sink has not taken: a new one begins with the oldest that is there. */
  async register(sink: string): Promise<void> {
    await this.#client.call('HSETNX', this.#cursors, sink, logStart)
  }

  /** Of every sink that was registered. */
  async list(): Promise<ShippingState[]> {
    const names = (await this.#client.call('HKEYS', this.#cursors)) as string[]
    const states = await Promise.all(names.toSorted().map((name) => this.read(name)))
    return states.filter((state) => state !== undefined)
  }

  /** @returns `undefined`: it is not registered */
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

  /** @returns false where the cursor was not at `from` any more: nothing has changed */
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

  /** The sink holds the log no longer, and what it would not take is gone. @returns whether there was one */
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

  /** Oldest first, after that of this id. */
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

  async newestDead(sink: string): Promise<string | undefined> {
    const [entry] = (await this.#client.call('XREVRANGE', this.#dead(sink), '+', '-', 'COUNT', 1)) as [
      string,
      unknown,
    ][]
    return entry?.[0]
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
