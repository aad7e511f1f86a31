import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Supervisor } from '../base/supervisor.ts'
import { RedisFault } from '../redis/redis-fault.ts'
import { readRecord } from './batch.ts'
import { endOfLog } from './log-feed.ts'
import type { LogPlace } from './log-places.ts'
import type { LogReader } from './log-reader.ts'
import { linesOf } from './log-search.ts'
import type { AuditRecord } from './record.ts'
import { type RecordFilter, RecordMatcher } from './record-filter.ts'

/** Maximum number of callers that watch the audit log on one node at the same time. */
export const VIEWERS_MAX = 200
/** Maximum number of audit records per second that a viewer gets. Further records are only counted. */
export const VIEWER_RECORDS_PER_S = 50
/** Maximum number of audit records that wait for one viewer. A slow viewer loses further records. */
const WAITING_MAX = 100
/** Pause before the next read of the audit log when a read found no new records, ms. */
const POLL_MS = 250
/** Pause after a failed read of the audit log from Redis, ms. */
const RETRY_MS = 1000
/** Maximum number of log entries that one read returns. */
const READ_ENTRIES = 20
/**
 * Number of comparisons of an audit record with the filter of a viewer after which other work of the node gets a turn.
 */
const SLICE = 2000
/**
 * Time between two reports of records that a viewer did not get, and longest time without an event for a viewer, ms.
 */
const REPORT_MS = 1000

/** Event for a viewer of the audit log. */
export type TailEvent =
  | { readonly kind: 'record'; readonly line: string }
  /** Event with the number of matching records that the viewer did not get since the last event of this kind. */
  | { readonly kind: 'left-out'; readonly records: number }
  /** The audit log could not be read. The events continue as soon as the log can be read again. */
  | { readonly kind: 'trouble'; readonly detail: string }

/** One viewer: filters the records, and keeps a few until the viewer has read the earlier ones. */
class TailViewer {
  readonly #matcher: RecordMatcher
  readonly #now: () => number
  /** @bound 100 records | the record is left out, and counted for the viewer | none */
  readonly #waiting: TailEvent[] = []
  #room = VIEWER_RECORDS_PER_S
  #roomMs: number
  #leftOut = 0
  #reportedMs: number
  #wake: (() => void) | undefined

  constructor(filter: RecordFilter, now: () => number) {
    this.#matcher = new RecordMatcher(filter)
    this.#now = now
    this.#roomMs = now()
    this.#reportedMs = now()
  }

  /** @param read  parses the line; all viewers share the result */
  offer(line: string, read: () => AuditRecord | undefined): void {
    if (this.#matcher.match(line, read) === undefined) return
    if (this.#waiting.length >= WAITING_MAX || !this.#hasRoom()) this.#leftOut++
    else this.#waiting.push({ kind: 'record', line })
  }

  report(detail: string): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push({ kind: 'trouble', detail })
    this.wake()
  }

  wake(): void {
    this.#wake?.()
  }

  /** Yields the events of this viewer until `signal` aborts; `undefined` at least every second without an event. */
  async *events(signal: AbortSignal): AsyncGenerator<TailEvent | undefined> {
    while (!signal.aborted) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next
      if (this.#leftOut > 0 && this.#now() - this.#reportedMs >= REPORT_MS) {
        yield { kind: 'left-out', records: this.#leftOut }
        this.#leftOut = 0
        this.#reportedMs = this.#now()
        continue
      }
      await this.#next(signal)
      if (this.#waiting.length === 0 && !signal.aborted) yield undefined
    }
  }

  #hasRoom(): boolean {
    const nowMs = this.#now()
    const gained = ((nowMs - this.#roomMs) * VIEWER_RECORDS_PER_S) / 1000
    this.#room = Math.min(VIEWER_RECORDS_PER_S, this.#room + gained)
    this.#roomMs = nowMs
    if (this.#room < 1) return false
    this.#room--
    return true
  }

  /** Waits for the next event of the viewer, at most for the time between two reports (1 s). */
  async #next(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wake = resolve
    const end = () => resolve()
    const timer = setTimeout(end, REPORT_MS)
    signal.addEventListener('abort', end)
    await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
    this.#wake = undefined
  }
}

/**
 * Shows new audit records to viewers. The node reads and unpacks the log once for all viewers, and not at all without
 * viewers. A viewer gets at most 50 records per second and the number of the others, so that a slow viewer delays
 * neither the others nor the node. For a complete copy of the log there is {@link followLog}.
 */
export class AuditTail {
  readonly #readers: readonly LogReader[]
  readonly #now: () => number
  /** @bound 200 viewers | the viewer is refused | none */
  readonly #viewers = new Set<TailViewer>()
  readonly #task = new Supervisor('audit-tail')
  /** Place of the last read entry in each shard of the log. @bound code */
  #places: (LogPlace | undefined)[] = []
  #isReading = false
  #reads = 0

  /** @param now  monotonic clock, ms */
  constructor(readers: readonly LogReader[], now: () => number = () => performance.now()) {
    this.#readers = readers
    this.#now = now
  }

  /** Number of reads of the audit log for all viewers since the start of the node. */
  get reads(): number {
    return this.#reads
  }

  get isFull(): boolean {
    return this.#viewers.size >= VIEWERS_MAX
  }

  /**
   * Adds a viewer until `signal` aborts. Records from now on are for this viewer. The caller must check `isFull`.
   *
   * @throws {RedisFault} when the end of the log cannot be read
   */
  async watch(filter: RecordFilter, signal: AbortSignal): Promise<AsyncIterable<TailEvent | undefined>> {
    const viewer = new TailViewer(filter, this.#now)
    this.#viewers.add(viewer)
    signal.addEventListener('abort', () => this.#viewers.delete(viewer), { once: true })
    if (!this.#isReading) await this.#begin()
    return viewer.events(signal)
  }

  async #begin(): Promise<void> {
    const places = await endOfLog(this.#readers)
    // Another viewer may have started the read loop in the meantime.
    if (this.#isReading) return
    this.#places = [...places]
    this.#isReading = true
    void this.#task.run(() => this.#read())
  }

  /** Reads the audit log, and passes new records to the viewers, until the last viewer leaves. */
  async #read(): Promise<void> {
    while (this.#viewers.size > 0) {
      try {
        if (!(await this.#readOnce())) await sleep(POLL_MS)
      } catch (error) {
        if (!(error instanceof RedisFault)) throw error
        for (const viewer of this.#viewers) viewer.report(error.message)
        await sleep(RETRY_MS)
      }
    }
    this.#isReading = false
  }

  /** @returns whether the audit log had new entries */
  async #readOnce(): Promise<boolean> {
    let found = false
    for (const [shard, reader] of this.#readers.entries()) {
      this.#reads++
      for (const entry of await reader.after(this.#places[shard]?.id ?? '0-0', READ_ENTRIES)) {
        found = true
        await nextTurn()
        this.#places[shard] = { id: entry.id }
        await this.#show(linesOf(entry))
      }
    }
    return found
  }

  async #show(lines: readonly string[]): Promise<void> {
    let compared = 0
    for (const line of lines) {
      const read = readOnceOnly(line)
      for (const viewer of this.#viewers) viewer.offer(line, read)
      compared += this.#viewers.size
      if (compared < SLICE) continue
      compared = 0
      await nextTurn()
    }
    for (const viewer of this.#viewers) viewer.wake()
  }
}

/** Returns a function that parses the line at its first call. */
function readOnceOnly(line: string): () => AuditRecord | undefined {
  let record: AuditRecord | undefined
  let isRead = false
  return () => {
    if (!isRead) record = readRecord(line)
    isRead = true
    return record
  }
}
