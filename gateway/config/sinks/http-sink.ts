import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { SinkCall } from './http-call.ts'
import { allAccepted, excerpt, type HttpFormat, type RecordOutcomes } from './http-format.ts'
import { faultOf, type RejectedRecord, type ShippedBatch, type ShippedRecord, type Sink, SinkFault } from './sink.ts'
import type { HttpMembers } from './sink-members.ts'
import type { SinkResources } from './sink-resources.ts'

interface HttpSinkDependencies {
  readonly call: SinkCall
  readonly format: HttpFormat
  /** Maximum number of audit records in one request to a receiver. */
  readonly records: number
  readonly gzip: boolean
}

/**
 * Maximum total length of the audit records in one request to a receiver, characters. A longer single record is sent
 * alone.
 */
const REQUEST_MAX_BYTES = 1024 * 1024
/** Maximum number of attempts, within one delivery, for audit records that the receiver rejects temporarily. */
const ATTEMPTS = 4
const FIRST_PAUSE_MS = 250

/**
 * Statuses by which an audit receiver rejects the content of a request: the same request would get the same reply
 * again.
 */
const rejectingStatuses = new Set([400, 413, 422])

const compressed = promisify(gzip)

/**
 * Sends audit records in HTTP requests. When the receiver rejects a whole request as invalid, its records are divided
 * into halves and sent again, repeatedly, until the rejected records are found.
 */
class HttpSink implements Sink {
  readonly #dependencies: HttpSinkDependencies

  constructor(dependencies: HttpSinkDependencies) {
    this.#dependencies = dependencies
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly RejectedRecord[]> {
    const rejected: RejectedRecord[] = []
    for (const records of portions(
      batches.flatMap(({ records }) => records),
      this.#dependencies.records,
    )) {
      rejected.push(...(await this.#deliver(records)))
    }
    return rejected
  }

  async close(): Promise<void> {
    await this.#dependencies.call.close()
  }

  async #deliver(records: readonly ShippedRecord[]): Promise<readonly RejectedRecord[]> {
    const rejected: RejectedRecord[] = []
    let pending = records
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await sleep(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()))
      const outcomes = await this.#bisect(pending)
      rejected.push(...outcomes.rejected)
      pending = outcomes.retry
      if (pending.length === 0) return rejected
    }
    throw new SinkFault(
      `the audit receiver temporarily rejected ${pending.length} of ${records.length} records in every attempt`,
    )
  }

  async #bisect(records: readonly ShippedRecord[]): Promise<RecordOutcomes> {
    const outcomes = await this.#post(records)
    if (typeof outcomes !== 'string') return outcomes
    if (records.length === 1) return { rejected: [{ record: records[0]!, reason: outcomes }], retry: [] }
    const middle = records.length >> 1
    const first = await this.#bisect(records.slice(0, middle))
    const second = await this.#bisect(records.slice(middle))
    return { rejected: [...first.rejected, ...second.rejected], retry: [...first.retry, ...second.retry] }
  }

  /**
   * Sends audit records to the receiver in one request.
   *
   * @returns the outcome for each record, or the reason why the receiver rejected the whole request
   */
  async #post(records: readonly ShippedRecord[]): Promise<RecordOutcomes | string> {
    const { call, format, gzip: compress } = this.#dependencies
    const body = Buffer.from(format.body(records))
    const headers = { ...format.headers, ...(compress && { 'content-encoding': 'gzip' }) }
    const reply = await call.post(headers, compress ? await compressed(body, { level: 1 }) : body)
    const { status, retryAfterMs, text } = reply
    if (status >= 200 && status < 300) {
      try {
        return format.outcomes?.(reply, records) ?? allAccepted
      } catch (error) {
        throw new SinkFault(
          `the audit receiver replied ${status} with an unexpected body: ${excerpt(faultOf(error).message)}`,
        )
      }
    }
    const said = `the audit receiver replied ${status} ${excerpt(text)}`
    if (rejectingStatuses.has(status)) return said
    throw new SinkFault(
      status >= 300 && status < 400 ? `${said}: redirects are not followed, set the final URL` : said,
      retryAfterMs,
    )
  }
}

/** Opens an audit sink that sends HTTP requests in the format `format`. */
export function openHttpSink(entry: HttpMembers, format: HttpFormat, resources: SinkResources): Sink {
  if (entry.insecure_http) resources.warn('insecure_http: audit records are sent unencrypted')
  const call = new SinkCall({
    url: format.url,
    access: resources.access(entry.auth, entry.tls, format.tokenScheme),
    timeoutMs: entry.timeout,
  })
  return new HttpSink({ call, format, records: entry.records, gzip: entry.gzip })
}

/** Splits audit records into portions, one for each request. */
function* portions(records: readonly ShippedRecord[], most: number): Generator<readonly ShippedRecord[]> {
  let portion: ShippedRecord[] = []
  let bytes = 0
  for (const record of records) {
    if (portion.length > 0 && (portion.length === most || bytes + record.line.length > REQUEST_MAX_BYTES)) {
      yield portion
      portion = []
      bytes = 0
    }
    portion.push(record)
    bytes += record.line.length
  }
  if (portion.length > 0) yield portion
}
