import type { z } from 'zod'
import type { SinkReply } from './http-call.ts'
import type { RejectedRecord, ShippedRecord } from './sink.ts'

/** Outcome per record of a request that was answered with 2xx. Records in neither list were accepted. */
export interface RecordOutcomes {
  /** Records that the receiver rejected permanently. */
  readonly rejected: readonly RejectedRecord[]
  /** Records to send again: the receiver had no room for them. */
  readonly retry: readonly ShippedRecord[]
}

export const allAccepted: RecordOutcomes = { rejected: [], retry: [] }

/** One value of `preset`: a format for `type: http`. `http-formats.ts` lists all formats. */
export interface HttpFormatKind<
  Preset extends string = string,
  Settings extends z.core.$ZodLooseShape = z.core.$ZodLooseShape,
> {
  readonly preset: Preset
  /** Content and path of the requests, for the configuration reference: a noun phrase without a full stop. */
  readonly description: string
  /** Keys of the sink's settings that only this format uses. */
  readonly settings: Settings
  open(entry: { readonly url: URL } & z.output<z.ZodObject<Settings>>): HttpFormat
}

/** Infers the types of a format. */
export function httpFormatKind<const Preset extends string, Settings extends z.core.$ZodLooseShape>(
  kind: HttpFormatKind<Preset, Settings>,
): HttpFormatKind<Preset, Settings> {
  return kind
}

/** Requests to one HTTP receiver, and how its replies are read. */
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
  outcomes?(reply: SinkReply, records: readonly ShippedRecord[]): RecordOutcomes
}

/** Returns the base URL of the settings with a path appended. */
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
