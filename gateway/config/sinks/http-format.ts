import type { z } from 'zod'
import type { SinkReply } from './http-call.ts'
import type { RejectedRecord, ShippedRecord } from './sink.ts'

/** Outcome for each record of a request that got a 2xx reply. A record in neither list was accepted. */
export interface RecordOutcomes {
  /** Audit records that the receiver rejected permanently. */
  readonly rejected: readonly RejectedRecord[]
  /** Audit records to send again, because the receiver was overloaded when it got them. */
  readonly retry: readonly ShippedRecord[]
}

export const allAccepted: RecordOutcomes = { rejected: [], retry: [] }

/** One request format for audit sinks of `type: http`, selected by `preset`. `http-formats.ts` lists all formats. */
export interface HttpFormatKind<
  Preset extends string = string,
  Settings extends z.core.$ZodLooseShape = z.core.$ZodLooseShape,
> {
  readonly preset: Preset
  /**
   * Noun phrase without a full stop that names the content and path of the requests, for the configuration reference.
   */
  readonly description: string
  /** Schemas of the settings that only this request format uses, by key. */
  readonly settings: Settings
  open(entry: { readonly url: URL } & z.output<z.ZodObject<Settings>>): HttpFormat
}

/** Returns the request format unchanged. Exists so that TypeScript infers the types of the format. */
export function httpFormatKind<const Preset extends string, Settings extends z.core.$ZodLooseShape>(
  kind: HttpFormatKind<Preset, Settings>,
): HttpFormatKind<Preset, Settings> {
  return kind
}

/** The form of the requests to one HTTP receiver of audit records, and the parsing of its replies. */
export interface HttpFormat {
  /** URL to which the requests with audit records are posted, built from the base URL in the settings. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Authentication scheme that precedes the sink's token in the field `Authorization`. */
  readonly tokenScheme: 'Bearer' | 'Splunk'
  body(records: readonly ShippedRecord[]): string
  /**
   * Reads the outcome for each record from a 2xx reply. If a format lacks this function, every record counts as
   * accepted.
   *
   * @throws {Error} when the reply does not have the expected format
   */
  outcomes?(reply: SinkReply, records: readonly ShippedRecord[]): RecordOutcomes
}

/** Returns the base URL with a path and a query appended. */
export function below(base: URL, path: string, search = ''): URL {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`
  url.search = search
  return url
}

/** Returns an excerpt of a receiver's reply for logs: one line of at most 200 characters. */
export function excerpt(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

/** Parses the reply of a receiver as a JSON object. @throws {Error} when the text is not a JSON object */
export function readObject(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('the reply of the audit receiver is not a JSON object')
  return value as Readonly<Record<string, unknown>>
}
