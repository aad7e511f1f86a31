import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { SinkCall } from './http-call.ts'
import { allTaken, excerpt, type HttpFormat, type RecordOutcomes } from './http-format.ts'
import { faultOf, type Refused, type ShippedBatch, type ShippedRecord, type Sink, SinkFault } from './sink.ts'

interface HttpSinkDependencies {
  readonly call: SinkCall
  readonly format: HttpFormat
  /** Maximum records in one request. */
  readonly records: number
  readonly gzip: boolean
}

/** Maximum total length of the records in one request; one longer record is sent alone. */
const REQUEST_MAX_BYTES = 1024 * 1024
/** Attempts per delivery for records for which the receiver had no room. */
const TRIES = 4
const FIRST_PAUSE_MS = 250

/** Statuses that mean the request itself is invalid: a retry gets the same answer. */
const aboutTheRecords = new Set([400, 413, 422])

const compressed = promisify(gzip)

/** Ships records in HTTP requests. A rejected request is halved until the rejected records are found. */
export class HttpSink implements Sink {
  readonly #dependencies: HttpSinkDependencies

  constructor(dependencies: HttpSinkDependencies) {
    this.#dependencies = dependencies
  }

  async send(batches: readonly ShippedBatch[]): Promise<readonly Refused[]> {
    const refused: Refused[] = []
    for (const records of portions(
      batches.flatMap(({ records }) => records),
      this.#dependencies.records,
    )) {
      refused.push(...(await this.#settle(records)))
    }
    return refused
  }

  async close(): Promise<void> {
    await this.#dependencies.call.close()
  }

  async #settle(records: readonly ShippedRecord[]): Promise<readonly Refused[]> {
    const refused: Refused[] = []
    let pending = records
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await sleep(FIRST_PAUSE_MS * 2 ** tries * (0.5 + Math.random()))
      const verdict = await this.#narrow(pending)
      refused.push(...verdict.refused)
      pending = verdict.again
      if (pending.length === 0) return refused
    }
    throw new SinkFault(`has temporarily rejected ${pending.length} of ${records.length} records`)
  }

  async #narrow(records: readonly ShippedRecord[]): Promise<RecordOutcomes> {
    const verdict = await this.#post(records)
    if (typeof verdict !== 'string') return verdict
    if (records.length === 1) return { refused: [{ record: records[0]!, reason: verdict }], again: [] }
    const middle = records.length >> 1
    const first = await this.#narrow(records.slice(0, middle))
    const second = await this.#narrow(records.slice(middle))
    return { refused: [...first.refused, ...second.refused], again: [...first.again, ...second.again] }
  }

  /** @returns the outcome per record, or the reason why the whole request was rejected */
  async #post(records: readonly ShippedRecord[]): Promise<RecordOutcomes | string> {
    const { call, format, gzip: packs } = this.#dependencies
    const body = Buffer.from(format.body(records))
    const headers = { ...format.headers, ...(packs && { 'content-encoding': 'gzip' }) }
    const reply = await call.post(headers, packs ? await compressed(body, { level: 1 }) : body)
    const { status, restMs, text } = reply
    if (status >= 200 && status < 300) {
      try {
        return format.judge?.(reply, records) ?? allTaken
      } catch (error) {
        throw new SinkFault(`replied ${status} with an unexpected body: ${excerpt(faultOf(error).message)}`)
      }
    }
    const said = `replied ${status} ${excerpt(text)}`
    if (aboutTheRecords.has(status)) return said
    throw new SinkFault(status >= 300 && status < 400 ? `${said}: redirects are not followed` : said, restMs)
  }
}

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
