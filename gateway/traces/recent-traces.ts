import { Supervisor } from '../base/supervisor.ts'
import type { RedisClient } from '../redis/redis-client.ts'
import type { RedisLink } from '../redis/redis-link.ts'
import { Delivery, type DeliveryLog } from '../telemetry/delivery.ts'
import type { MetricSink, MetricSource } from '../telemetry/metrics.ts'
import type { Span, SpanOutlet } from '../telemetry/span.ts'
import { readTraceRecord, type TraceRecord } from './trace-record.ts'

const FLUSH_MS = 500
/** Maximum number of traces per write to Redis. Further traces within 500 ms are dropped and counted. */
const BATCH_MAX = 100
const RECORD_MAX_CHARACTERS = 16_384
/** Time after the last trace until Redis deletes the whole stream of traces, ms. */
const KEPT_MS = 24 * 60 * 60 * 1000
const PAGE = 200

export interface RecentTracesDependencies {
  readonly link: RedisLink
  /** Approximate maximum number of traces in Redis, of all processes together. */
  readonly max: number
  readonly log: DeliveryLog
}

/**
 * The most recent traces of exchanges and jobs in the whole cluster, in one capped Redis stream. Traces are written in
 * batches over a separate connection, so that no HTTP request waits behind these writes. Finding one trace reads the
 * whole stream, 2 MB by default. One key per trace would be bounded only by time: gigabytes a day at full rate.
 */
export class RecentTraces implements SpanOutlet, MetricSource {
  readonly #client: RedisClient
  readonly #key: string
  readonly #max: number
  readonly #delivery: Delivery
  /**
   * Traces that were not written yet, as JSON.
   *
   * @bound {@link BATCH_MAX} traces | the trace is dropped | gatehouse_telemetry_items_total
   */
  #waiting: string[] = []
  readonly #task = new Supervisor('traces-recent')
  /** Cancels the timer for the next write of the waiting traces to Redis. */
  #timer: (() => void) | undefined
  #writing: Promise<void> | undefined

  constructor({ link, max, log }: RecentTracesDependencies) {
    this.#client = link.client('receipt', 'traces')
    this.#key = link.keys.traces
    this.#max = max
    this.#delivery = new Delivery('recent', log)
  }

  add(spans: readonly Span[]): void {
    if (this.#waiting.length >= BATCH_MAX) {
      this.#delivery.dropped(1)
      return
    }
    const text = JSON.stringify(spans)
    if (text.length > RECORD_MAX_CHARACTERS) {
      this.#delivery.dropped(1)
      return
    }
    this.#waiting.push(text)
    this.#timer ??= this.#task.after(FLUSH_MS, () => this.#flush())
  }

  /**
   * Finds traces that satisfy `wanted`, sorted by start time, the newest first. The stream itself is ordered by the
   * time of writing.
   *
   * @param limit  maximum number of traces to return
   * @throws {RedisFault} as a rejection
   */
  async find(wanted: (record: TraceRecord) => boolean, limit: number): Promise<TraceRecord[]> {
    let found: TraceRecord[] = []
    for (let end = '+'; ; ) {
      const page = (await this.#client.call('XREVRANGE', this.#key, end, '-', 'COUNT', PAGE)) as StreamEntry[]
      for (const [, fields] of page) {
        const record = readTraceRecord(fields[1] ?? '')
        if (record !== undefined && wanted(record)) found.push(record)
      }
      found = found.sort((a, b) => b[0].startMs - a[0].startMs).slice(0, limit)
      const last = page.at(-1)
      if (page.length < PAGE || last === undefined) return found
      // Stop here: all traces on the following pages were written before this time, so they also started before it.
      if (found.length === limit && found[limit - 1]![0].startMs >= Number.parseInt(last[0], 10)) return found
      end = `(${last[0]}`
    }
  }

  collect(sink: MetricSink): void {
    this.#delivery.collect(sink)
  }

  /** Writes the waiting traces to Redis. The connection is closed later, by RedisLink. */
  async close(): Promise<void> {
    await this.#writing
    this.#flush()
    await this.#writing
  }

  #flush(): void {
    this.#timer?.()
    this.#timer = undefined
    if (this.#writing !== undefined || this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#writing = this.#task
      .attempt(() => this.#write(batch))
      .then(() => {
        this.#writing = undefined
        if (this.#waiting.length > 0) this.#timer ??= this.#task.after(FLUSH_MS, () => this.#flush())
      })
  }

  async #write(batch: readonly string[]): Promise<void> {
    try {
      const add = (text: string) => this.#client.call('XADD', this.#key, 'MAXLEN', '~', this.#max, '*', 'spans', text)
      await Promise.all([...batch.map(add), this.#client.call('PEXPIRE', this.#key, KEPT_MS)])
      this.#delivery.sent(batch.length)
    } catch (error) {
      this.#delivery.failed(batch.length, error)
    }
  }
}

type StreamEntry = readonly [id: string, fields: readonly string[]]
