import { JobSchedule } from '../queues/job-schedule.ts'
import { type Replay, replayOptions, shipAudit } from '../queues/ship-audit.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { AuditTail, type TailEvent, VIEWERS_MAX } from './audit-tail.ts'
import { type FoundRecord, findExchange } from './find-exchange.ts'
import { endOfLog, type FeedLine, followLog } from './log-feed.ts'
import { type LogPlaces, placesText, readPlaces } from './log-places.ts'
import { LogReader, logStart } from './log-reader.ts'
import { searchLog } from './log-search.ts'
import type { AuditRecord } from './record.ts'
import type { RecordFilter } from './record-filter.ts'
import type { AuditKey } from './seal.ts'
import { auditShards } from './shards.ts'
import { type ShippingState, ShippingStates } from './shipping-state.ts'

/**
 * Maximum number of callers that follow the audit log on one node at the same time. The node reads every new batch once
 * for each caller.
 */
export const FOLLOWERS_MAX = 8

/** Error that rejects an operator's call about the audit log. */
export class AuditRefused extends Error {
  override readonly name = 'AuditRefused'
  readonly code: 'sink_unknown' | 'sink_configured' | 'place_unknown' | 'followers_full'

  constructor(code: AuditRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** State of one sink of the audit log, summed over all shards of the log. */
export interface SinkListing {
  readonly sink: string
  /** Whether the sink is in the settings of the node that replies. */
  readonly configured: boolean
  /** For each shard of the log, the id of the last entry that was delivered to the sink. */
  readonly cursors: readonly string[]
  readonly lag_records: number
  /** False when the count stopped early: more records than `lag_records` still wait for delivery. */
  readonly lag_complete: boolean
  readonly lag_seconds: number
  /** Total number of records delivered to this sink. */
  readonly shipped: number
  readonly shipped_at: string | null
  readonly dead_letters: number
  /** Reason of the newest dead letter, of the first log shard that has one. */
  readonly last_rejection: string | null
  /** Number of failed deliveries since the last success, in the log shard with the most failures. */
  readonly failures: number
  readonly last_error: string | null
  readonly last_error_at: string | null
}

interface AuditServiceDependencies {
  readonly link: RedisLink
  readonly client: RedisClient
  /** Names of the audit sinks in the settings of this node. */
  readonly sinks: readonly string[]
  /** Returns the audit keys of this node. */
  readonly auditKeys: () => readonly AuditKey[]
}

/**
 * Operations on the audit log for operators: search, follow, and manage the delivery to sinks. Methods throw
 * `RedisFault` or `AuditRefused`.
 */
export class AuditService {
  readonly #sinks: readonly string[]
  readonly #readers: readonly LogReader[]
  readonly #states: readonly ShippingStates[]
  readonly #schedule: JobSchedule<unknown>
  readonly #tail: AuditTail
  readonly #auditKeys: () => readonly AuditKey[]
  #followers = 0

  constructor({ link, client, sinks, auditKeys }: AuditServiceDependencies) {
    this.#sinks = sinks
    this.#auditKeys = auditKeys
    const shards = [...Array(auditShards(link.topology)).keys()]
    this.#readers = shards.map((shard) => new LogReader(client, link.keys, shard))
    this.#states = shards.map((shard) => new ShippingStates(client, link.keys, shard))
    this.#schedule = new JobSchedule(shipAudit, link)
    this.#tail = new AuditTail(this.#readers)
  }

  /**
   * Searches records of the audit log, from the newest to the oldest.
   *
   * @param from  `next` of the previous search; `undefined` starts with the newest record
   */
  async search(
    filter: RecordFilter,
    from: string | undefined,
    limit: number,
  ): Promise<{ records: readonly AuditRecord[]; next: string | null }> {
    const { records, next } = await searchLog(this.#readers, filter, this.#placesOf(from), limit)
    return { records, next: next === undefined ? null : placesText(next) }
  }

  /** Finds the audit records of an exchange by its request id, with their places in the audit log, the newest first. */
  findExchange(id: string): Promise<FoundRecord[]> {
    return findExchange(this.#readers, id, this.#auditKeys())
  }

  /** Returns the current end of the log as a text that `follow` accepts as its start. */
  async end(): Promise<string> {
    return placesText(await endOfLog(this.#readers))
  }

  /**
   * Follows new records of the audit log until `signal` aborts. Until then, the caller counts towards `FOLLOWERS_MAX`.
   *
   * @param from  result of `end`, or the place of a line that this method returned earlier. Default: the current end of
   *   the log
   * @throws {AuditRefused} when `FOLLOWERS_MAX` callers already follow the log at this node
   */
  async follow(
    filter: RecordFilter,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<AsyncIterable<FeedLine | undefined>> {
    if (this.#followers >= FOLLOWERS_MAX) {
      throw new AuditRefused(
        'followers_full',
        `this node already has ${FOLLOWERS_MAX} followers of the audit log, the maximum`,
      )
    }
    const places = this.#placesOf(from)
    this.#followers++
    signal.addEventListener('abort', () => this.#followers--, { once: true })
    return followLog(this.#readers, filter, places ?? (await endOfLog(this.#readers)), signal)
  }

  /**
   * Sends records of the audit log to a viewer until `signal` aborts: the newest `last` matching records, then new
   * records as `AuditTail` does.
   *
   * @throws {AuditRefused} when `VIEWERS_MAX` callers already watch the log at this node
   */
  async tail(filter: RecordFilter, last: number, signal: AbortSignal): Promise<AsyncIterable<TailEvent | undefined>> {
    if (this.#tail.isFull) {
      throw new AuditRefused(
        'followers_full',
        `this node already has ${VIEWERS_MAX} viewers of the audit log, the maximum`,
      )
    }
    // Watch the audit log before the search for the newest records, so that no record between both is missed. A record
    // that both find is sent once.
    const events = await this.#tail.watch(filter, signal)
    if (last === 0) return events
    const { records } = await searchLog(this.#readers, filter, undefined, last)
    return afterRecords(records, events)
  }

  async listSinks(): Promise<SinkListing[]> {
    const states = await Promise.all(this.#states.map((shard) => shard.list()))
    const names = new Set([...this.#sinks, ...states.flat().map(({ sink }) => sink)])
    return Promise.all([...names].toSorted().map((name) => this.#listing(name, states)))
  }

  /**
   * Removes an audit sink: the log no longer keeps entries for the sink, and the dead letters of the sink are deleted.
   *
   * @throws {AuditRefused} when no worker has registered the sink, or when the settings still contain the sink: a
   *   worker would register the sink again
   */
  async forgetSink(sink: string): Promise<void> {
    if (this.#sinks.includes(sink)) {
      throw new AuditRefused(
        'sink_configured',
        `the sink ${sink} is still in the settings; remove the sink from the settings first`,
      )
    }
    const known = await Promise.all(this.#states.map((shard) => shard.forget(sink)))
    if (!known.includes(true)) throw unknown(sink)
    for (const shard of known.keys()) await this.#schedule.remove(sink, `shard-${shard}`)
  }

  /**
   * Orders a worker to send the dead letters of a sink again, or all records of a time range that the log still
   * contains.
   *
   * @returns number of dead letters to send again; `undefined` for a time range
   * @throws {AuditRefused} when no worker has registered the sink
   */
  async replay(sink: string, order: 'dead' | { sinceMs: number; untilMs: number }): Promise<number | undefined> {
    let letters = 0
    let known = false
    for (const [shard, states] of this.#states.entries()) {
      if ((await states.read(sink)) === undefined) continue
      known = true
      const replay = order === 'dead' ? await lettersOf(states, sink) : span(order)
      if (replay === undefined) continue
      letters += order === 'dead' ? await states.deadCount(sink) : 0
      await this.#schedule.add(sink, { sink, shard, replay }, replayOptions)
    }
    if (!known) throw unknown(sink)
    return order === 'dead' ? letters : undefined
  }

  async close(): Promise<void> {
    await this.#schedule.close()
  }

  async #listing(sink: string, states: readonly (readonly ShippingState[])[]): Promise<SinkListing> {
    const own = states.map((shard) => shard.find((state) => state.sink === sink))
    const cursors = own.map((state) => state?.cursor ?? logStart)
    const lags = await Promise.all(cursors.map((cursor, shard) => this.#readers[shard]!.lagAfter(cursor)))
    const dead = await Promise.all(this.#states.map((shard) => shard.deadCount(sink)))
    const rejected = await Promise.all(this.#states.map((shard) => shard.newestDead(sink)))
    const since = lags.flatMap(({ sinceMs }) => sinceMs ?? [])
    const newest = latest(own, (state) => state.shippedAtMs)
    const failed = latest(own, (state) => state.errorAtMs)
    return {
      sink,
      configured: this.#sinks.includes(sink),
      cursors,
      lag_records: sum(lags.map(({ records }) => records)),
      lag_complete: lags.every(({ complete }) => complete),
      lag_seconds: since.length === 0 ? 0 : Math.max(0, Math.round((Date.now() - Math.min(...since)) / 1000)),
      shipped: sum(own.map((state) => state?.records ?? 0)),
      shipped_at: timeOf(newest?.shippedAtMs),
      dead_letters: sum(dead),
      last_rejection: rejected.find((each) => each !== undefined)?.reason ?? null,
      failures: Math.max(...own.map((state) => state?.failures ?? 0)),
      last_error: failed?.error ?? null,
      last_error_at: timeOf(failed?.errorAtMs),
    }
  }

  #placesOf(text: string | undefined): LogPlaces | undefined {
    if (text === undefined) return undefined
    const places = readPlaces(text, this.#readers.length)
    if (places === undefined)
      throw new AuditRefused(
        'place_unknown',
        '`before`, `after` or Last-Event-ID is not a place in the audit log: use `next` or `end` of a search, or an event id',
      )
    return places
  }
}

/**
 * Yields the found records (given newest first) with the oldest first, and then the events of the audit log without
 * these records.
 */
async function* afterRecords(
  records: readonly AuditRecord[],
  events: AsyncIterable<TailEvent | undefined>,
): AsyncGenerator<TailEvent | undefined> {
  for (const record of records.toReversed()) yield { kind: 'record', line: JSON.stringify(record) }
  const heads = records.map(({ id }) => `{"id":${JSON.stringify(id)},`)
  for await (const event of events) {
    if (event?.kind !== 'record' || !heads.some((head) => event.line.startsWith(head))) yield event
  }
}

async function lettersOf(states: ShippingStates, sink: string): Promise<Replay | undefined> {
  const newest = await states.newestDead(sink)
  return newest && { what: 'dead', from: logStart, until: newest.id }
}

/** Selects log entries by the time at which Redis added the entries to the log. */
function span({ sinceMs, untilMs }: { sinceMs: number; untilMs: number }): Replay {
  return { what: 'log', from: `${Math.max(0, sinceMs - 1)}-999999999999999`, until: `${untilMs}-999999999999999` }
}

function latest(
  states: readonly (ShippingState | undefined)[],
  when: (state: ShippingState) => number | undefined,
): ShippingState | undefined {
  return states
    .filter((state) => state !== undefined && when(state) !== undefined)
    .toSorted((a, b) => when(b!)! - when(a!)!)[0]
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0)
}

function unknown(sink: string): AuditRefused {
  return new AuditRefused('sink_unknown', `no worker has registered a sink named ${sink}`)
}
