import type { HttpReply } from './http-call.ts'
import type { Refused, ShippedRecord } from './sink.ts'

/** What a receiver makes of the records of one request that it has accepted. */
export interface Verdict {
  readonly refused: readonly Refused[]
  /** To be sent once more: there was no room for them. */
  readonly again: readonly ShippedRecord[]
}

export const allTaken: Verdict = { refused: [], again: [] }

/** How one kind of receiver is spoken to. */
export interface HttpFormat {
  /** Of the base URL, the one to post to. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** Scheme of a token in `Authorization`. */
  readonly tokenScheme: 'Bearer' | 'Splunk'
  body(records: readonly ShippedRecord[]): string
  /**
   * Reads a reply of 2xx. Default: all is taken.
   *
   * @throws {Error} when it is not what such a receiver says
   */
  judge?(reply: HttpReply, records: readonly ShippedRecord[]): Verdict
}

export function below(base: URL, path: string, search = ''): URL {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, '')}${path}`
  url.search = search
  return url
}

/** The receiver's own words, for an operator: cut, and on one line. */
export function excerpt(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 200)
}

/** An object that a receiver sent. @throws {Error} for anything else */
export function readObject(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a JSON object')
  return value as Readonly<Record<string, unknown>>
}
