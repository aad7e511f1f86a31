import type { SinkReply } from './http-call.ts'
import type { Refused, ShippedRecord } from './sink.ts'

/** Outcome per record of a request that was answered with 2xx. Records in neither list were accepted. */
export interface RecordOutcomes {
  /** Records that the receiver rejected permanently. */
  readonly refused: readonly Refused[]
  /** Records to send again: the receiver had no room for them. */
  readonly again: readonly ShippedRecord[]
}

export const allTaken: RecordOutcomes = { refused: [], again: [] }

/** Request and reply format of one kind of HTTP receiver. */
export interface HttpFormat {
  /** URL to post to, built from the base URL in the settings. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Authentication scheme for a token in `Authorization`. */
  readonly tokenScheme: 'Bearer' | 'Splunk'
  body(records: readonly ShippedRecord[]): string
  /**
   * Reads a 2xx reply. Without this function every record counts as accepted.
   *
   * @throws {Error} when the reply does not have the format of this receiver
   */
  judge?(reply: SinkReply, records: readonly ShippedRecord[]): RecordOutcomes
}

export function below(base: URL, path: string, search = ''): URL {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`
  url.search = search
  return url
}

/** Excerpt of a reply for logs: one line of at most 200 characters. */
export function excerpt(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

/** Parses a JSON object. @throws {Error} for any other text */
export function readObject(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a JSON object')
  return value as Readonly<Record<string, unknown>>
}
