import { type LogEntry, LogReader, logStart } from '../gateway/audit/log-reader.ts'
import { DEAD_MAX, type DeadLetter, type ShippingState, ShippingStates } from '../gateway/audit/shipping-state.ts'
import { RETRY_AFTER_MAX_MS } from '../gateway/config/sinks/http-call.ts'
import { faultOf, type ShippedBatch, type Sink, SinkFault } from '../gateway/config/sinks/sink.ts'
import type { Replay } from '../gateway/queues/ship-audit.ts'
import type { RedisKeys } from '../gateway/redis/keys.ts'
import type { RedisClient } from '../gateway/redis/redis-client.ts'
import { RedisFault } from '../gateway/redis/redis-fault.ts'
import { batchOf, batchOfLetter, type ReadBatch } from './read-batch.ts'

interface SinkShipperDependencies {
  readonly name: string
  readonly sink: Sink
  readonly client: RedisClient
  readonly keys: RedisKeys
}

/**
 * Maximum duration of one run of the shipping job, ms: half of the lock time of the job. The next run continues where
 * it ended.
 */
const RUN_MS = 5000
/**
 * Maximum number of log entries in one delivery to a sink; they have up to 5,000 records. If a worker is killed, one
 * delivery can be sent twice.
 */
const ENTRIES = 10
/** Maximum number of dead letters that a replay sends to the sink in one delivery. */
const LETTERS = 500
/**
 * Time before the first retry of a failed delivery, ms. The time doubles with each further failure, up to REST_MAX_MS
 * (15 s).
 */
const REST_MIN_MS = 500
const REST_MAX_MS = 15_000

/** Result of one shipping run: number of records shipped, and number of dead letters stored. */
export interface Shipped {
  readonly records: number
  readonly dead: number
}

/** Backlog of one sink: the audit records that the sink has not accepted yet. */
export interface SinkLag {
  readonly sink: string
  /** Age of the oldest audit record that the sink has not accepted, s; 0 without a backlog. */
  readonly seconds: number
  /** Number of dead letters of the sink. */
  readonly dead: number
}

/** Counters of one sink since the start of this worker. */
interface ShippingCounts {
  records: number
  dead: number
  failures: number
}

/**
 * Sends the audit log to one sink: in order, from the sink's cursor on, each record at least once. Runs of one sink
 * must not overlap, because overlapping runs would change the order of the records.
 */
export class SinkShipper {
  readonly name: string
  readonly counts: ShippingCounts = { records: 0, dead: 0, failures: 0 }
  readonly #sink: Sink
  readonly #client: RedisClient
  readonly #keys: RedisKeys
  /** Progress in each shard of the audit log. @bound code */
  readonly #shards = new Map<number, Shard>()

  constructor({ name, sink, client, keys }: SinkShipperDependencies) {
    this.name = name
    this.#sink = sink
    this.#client = client
    this.#keys = keys
  }

  /**
   * Registers the sink. From then on the audit log keeps every record that the sink has not accepted. @throws
   * {RedisFault}
   */
  async register(shard: number): Promise<void> {
    await this.#shard(shard).states.register(this.name)
  }

  /**
   * Ships the records after the cursor until none is left or RUN_MS (5 s) have passed.
   *
   * @returns `undefined` when there was nothing to ship, or the sink is in back-off after a failure
   * @throws {SinkFault | RedisFault} when the sink or Redis fails; the next run continues at the cursor
   */
  async ship(number: number): Promise<Shipped | undefined> {
    const shard = this.#shard(number)
    const state = await shard.states.read(this.name)
    if (state === undefined) return undefined
    const restMs = (state.retryAtMs ?? 0) - Date.now()
    // Ignore a pause longer than the maximum: it was computed by a clock that was ahead.
    if (restMs > 0 && restMs <= RETRY_AFTER_MAX_MS) return undefined
    return this.#noting(shard, state, () => this.#shipFrom(shard, state.cursor))
  }

  /**
   * Replays dead letters or log entries in the range of the order, for at most RUN_MS (5 s).
   *
   * @returns the remaining part of the order; `undefined` when the replay is complete
   * @throws {SinkFault | RedisFault} when the sink or Redis fails
   */
  async replay(number: number, order: Replay): Promise<Replay | undefined> {
    const shard = this.#shard(number)
    const until = performance.now() + RUN_MS
    let { from } = order
    while (performance.now() < until) {
      const next =
        order.what === 'dead'
          ? await this.#resurrect(shard, from, order.until)
          : await this.#again(shard, from, order.until)
      if (next === undefined) return undefined
      from = next
    }
    return { ...order, from }
  }

  /** Returns the backlog of the sink over all shards that this worker ships. @throws {RedisFault} */
  async lag(): Promise<SinkLag> {
    let sinceMs = Number.POSITIVE_INFINITY
    let dead = 0
    for (const { reader, states } of this.#shards.values()) {
      const cursor = (await states.read(this.name))?.cursor ?? logStart
      sinceMs = Math.min(sinceMs, (await reader.firstAfter(cursor)) ?? sinceMs)
      dead += await states.deadCount(this.name)
    }
    return { sink: this.name, seconds: Math.max(0, Date.now() - sinceMs) / 1000, dead }
  }

  async close(): Promise<void> {
    await this.#sink.close()
  }

  async #shipFrom(shard: Shard, start: string): Promise<Shipped | undefined> {
    const until = performance.now() + RUN_MS
    const { reader, states } = shard
    let cursor = start
    const all = { records: 0, dead: 0 }
    await this.#resend(shard, cursor)
    while (performance.now() < until) {
      const entries = await reader.after(cursor, ENTRIES)
      if (entries.length === 0) break
      const taken = await this.#deliver(shard, entries)
      const to = entries.at(-1)!.id
      // Stop: another worker has delivered the same entries, or the sink is no longer registered.
      if (!(await states.move(this.name, cursor, to, taken))) break
      cursor = to
      all.records += taken.records
      all.dead += taken.dead
    }
    return all.records + all.dead === 0 ? undefined : all
  }

  /**
   * If the receiver does not acknowledge records and its connection was interrupted since the last call that sent
   * records again: sends the last records before the cursor again.
   */
  async #resend(shard: Shard, cursor: string): Promise<void> {
    const { doubt } = this.#sink
    if (doubt === undefined || doubt.times === shard.resent) return
    const entries: LogEntry[] = []
    let records = 0
    for (let before = idAfter(cursor); records < doubt.records; ) {
      const read = await shard.reader.before(before, ENTRIES)
      if (read.length === 0) break
      for (const entry of read) {
        if (records >= doubt.records) break
        entries.unshift(entry)
        records += batchOf(entry).batch?.records.length ?? 0
      }
      before = read.at(-1)!.id
    }
    const batches = entries.flatMap((entry) => batchOf(entry).batch ?? [])
    if (batches.length > 0) await this.#sink.send(batches)
    shard.resent = doubt.times
  }

  /**
   * Delivers stream entries to the sink. The number of dead letters is checked before each delivery, because one run
   * could store any number of dead letters.
   */
  async #deliver(shard: Shard, entries: readonly LogEntry[]): Promise<Shipped> {
    if ((await shard.states.deadCount(this.name)) >= DEAD_MAX) {
      throw new SinkFault(
        `the sink has ${DEAD_MAX} dead letters, the maximum; replay or forget them with gatehouse audit`,
      )
    }
    return this.#hand(
      shard,
      entries.map((entry) => batchOf(entry)),
    )
  }

  async #hand(shard: Shard, read: readonly ReadBatch[]): Promise<Shipped> {
    const batches = read.flatMap(({ batch }) => batch ?? [])
    const refused = batches.length === 0 ? [] : await this.#sink.send(batches)
    const letters: DeadLetter[] = read.flatMap(({ letters }) => letters)
    for (const { record, reason } of refused) {
      letters.push({ reason, entry: entryOf(read, record.line), content: { line: record.line } })
    }
    for (const letter of letters) await shard.states.bury(this.name, letter)
    const taken = { records: count(batches) - refused.length, dead: letters.length }
    this.counts.records += taken.records
    this.counts.dead += taken.dead
    return taken
  }

  /**
   * Replays log entries.
   *
   * @returns the id of the last replayed entry; `undefined` when no entry is left
   */
  async #again(shard: Shard, from: string, until: string): Promise<string | undefined> {
    const entries = await shard.reader.after(from, ENTRIES, until)
    if (entries.length === 0) return undefined
    await this.#deliver(shard, entries)
    return entries.at(-1)!.id
  }

  /**
   * Replays dead letters. A dead letter that the sink rejects again is stored again, with an id after the range of the
   * order.
   */
  async #resurrect(shard: Shard, from: string, until: string): Promise<string | undefined> {
    const letters = await shard.states.deadAfter(this.name, from, until, LETTERS)
    if (letters.length === 0) return undefined
    await this.#hand(shard, letters.map(batchOfLetter))
    await shard.states.unbury(
      this.name,
      letters.map(({ id }) => id),
    )
    return letters.at(-1)!.id
  }

  async #noting<T>(shard: Shard, state: ShippingState, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof RedisFault) throw error
      const fault = faultOf(error)
      const failures = state.failures + 1
      const restMs = Math.min(REST_MIN_MS * 2 ** Math.min(state.failures, 10), REST_MAX_MS) * (0.5 + Math.random() / 2)
      this.counts.failures++
      await shard.states.noteFailure(this.name, {
        failures,
        retryAtMs: Date.now() + Math.max(restMs, fault.retryAfterMs),
        error: fault.message,
      })
      throw fault
    }
  }

  #shard(number: number): Shard {
    let shard = this.#shards.get(number)
    if (shard === undefined) {
      shard = {
        reader: new LogReader(this.#client, this.#keys, number),
        states: new ShippingStates(this.#client, this.#keys, number),
        resent: 0,
      }
      this.#shards.set(number, shard)
    }
    return shard
  }
}

interface Shard {
  readonly reader: LogReader
  readonly states: ShippingStates
  /** Number of interruptions of the sink's connection (`doubt.times`) when its last records were sent again. */
  resent: number
}

function count(batches: readonly ShippedBatch[]): number {
  return batches.reduce((sum, { records }) => sum + records.length, 0)
}

function entryOf(read: readonly ReadBatch[], line: string): string {
  return read.find(({ batch }) => batch?.records.some((record) => record.line === line))?.entry ?? logStart
}

/** Returns the smallest Redis stream id after `id`. */
function idAfter(id: string): string {
  const [ms, number] = id.split('-')
  return `${ms}-${Number(number) + 1}`
}
