import { JobSchedule } from '../queues/job-schedule.ts'
import { type Replay, replayOptions, shipAudit } from '../queues/ship-audit.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { endOfLog, type FeedLine, followLog } from './log-feed.ts'
import { type LogPlaces, placesText, readPlaces } from './log-places.ts'
import { LogReader, logStart } from './log-reader.ts'
import { searchLog } from './log-search.ts'
import type { AuditRecord } from './record.ts'
import type { RecordFilter } from './record-filter.ts'
import { auditShards } from './shards.ts'
import { type ShippingState, ShippingStates } from './shipping-state.ts'

/** Each of those who follow the log reads all of it. */
export const FOLLOWERS_MAX = 8

/** An order about the audit log that is not carried out. */
export class AuditRefused extends Error {
  override readonly name = 'AuditRefused'
  readonly code: 'sink_unknown' | 'sink_configured' | 'place_unknown' | 'followers_full'

  constructor(code: AuditRefused['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** One sink, over all shards. */
export interface SinkListing {
  readonly sink: string
  /** Whether the settings of the node that was asked have it. */
  readonly configured: boolean
  /** Of each shard: the last entry that it has taken. */
  readonly cursors: readonly string[]
  readonly lag_records: number
  /** False: there are more than were counted. */
  readonly lag_complete: boolean
  readonly lag_seconds: number
  /** So far. */
  readonly shipped: number
  readonly shipped_at: string | null
  readonly dead_letters: number
  /** Since the last success. */
  readonly failures: number
  readonly last_error: string | null
  readonly last_error_at: string | null
}

interface AuditDeskParts {
  readonly link: RedisLink
  readonly client: RedisClient
  /** Names of the sinks of the settings. */
  readonly sinks: readonly string[]
}

/** What operators see of the audit log, and may do about its shipping. What it throws is a `RedisFault` beside `AuditRefused`. */
export class AuditDesk {
  readonly #sinks: readonly string[]
  readonly #readers: readonly LogReader[]
  readonly #states: readonly ShippingStates[]
  readonly #schedule: JobSchedule<unknown>
  #followers = 0

  constructor({ link, client, sinks }: AuditDeskParts) {
    this.#sinks = sinks
    const shards = [...Array(auditShards(link.topology)).keys()]
    this.#readers = shards.map((shard) => new LogReader(client, link.keys, shard))
    this.#states = shards.map((shard) => new ShippingStates(client, link.keys, shard))
    this.#schedule = new JobSchedule(shipAudit, link)
  }

  /** @param from  as `next` of a search before */
  async search(
    filter: RecordFilter,
    from: string | undefined,
    limit: number,
  ): Promise<{ records: readonly AuditRecord[]; next: string | null }> {
    const { records, next } = await searchLog(this.#readers, filter, this.#placesOf(from), limit)
    return { records, next: next === undefined ? null : placesText(next) }
  }

  /** Where the log ends now, to follow it from there. */
  async end(): Promise<string> {
    return placesText(await endOfLog(this.#readers))
  }

  /**
   * What comes into the log, until `signal` says so; it must.
   *
   * @param from  as `end`, or as a line of before; `undefined`: the end
   * @throws {AuditRefused} when as many follow it already as the node can bear
   */
  async follow(
    filter: RecordFilter,
    from: string | undefined,
    signal: AbortSignal,
  ): Promise<AsyncIterable<FeedLine | undefined>> {
    if (this.#followers >= FOLLOWERS_MAX) {
      throw new AuditRefused('followers_full', `${FOLLOWERS_MAX} callers follow the log at this node already`)
    }
    const places = this.#placesOf(from)
    this.#followers++
    signal.addEventListener('abort', () => this.#followers--, { once: true })
    return followLog(this.#readers, filter, places ?? (await endOfLog(this.#readers)), signal)
  }

  async listSinks(): Promise<SinkListing[]> {
    const states = await Promise.all(this.#states.map((shard) => shard.list()))
    const names = new Set([...this.#sinks, ...states.flat().map(({ sink }) => sink)])
    return Promise.all([...names].toSorted().map((name) => this.#listing(name, states)))
  }

  /**
   * The sink holds the log no longer; its dead letters are gone.
   *
   * @throws {AuditRefused} when there is none, or the settings still have it: a worker would begin it anew
   */
  async forgetSink(sink: string): Promise<void> {
    if (this.#sinks.includes(sink)) {
      throw new AuditRefused('sink_configured', `the settings have the sink ${sink}: take it out of them first`)
    }
    const known = await Promise.all(this.#states.map((shard) => shard.forget(sink)))
    if (!known.includes(true)) throw unknown(sink)
    for (const shard of known.keys()) await this.#schedule.end(sink, `shard-${shard}`)
  }

  /**
   * Has a worker send again what a sink would not take, or what the log still holds of a time.
   *
   * @returns dead letters that are sent again; `undefined` where the order is about the log
   * @throws {AuditRefused} when there is no such sink
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
      await this.#schedule.order(sink, { sink, shard, replay }, replayOptions)
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
      failures: Math.max(...own.map((state) => state?.failures ?? 0)),
      last_error: failed?.error ?? null,
      last_error_at: timeOf(failed?.errorAtMs),
    }
  }

  #placesOf(text: string | undefined): LogPlaces | undefined {
    if (text === undefined) return undefined
    const places = readPlaces(text, this.#readers.length)
    if (places === undefined) throw new AuditRefused('place_unknown', 'that is no place in the log')
    return places
  }
}

async function lettersOf(states: ShippingStates, sink: string): Promise<Replay | undefined> {
  const until = await states.newestDead(sink)
  return until === undefined ? undefined : { what: 'dead', from: logStart, until }
}

/** Entries go by when they came into the log. */
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
  return new AuditRefused('sink_unknown', `no sink ${sink} has ever shipped`)
}
